from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from tqdm import tqdm

from telemetry.models import Series
from telemetry.rollups import rebuild, roll_up

SERIES_AT_ONCE = 20
DAYS_AT_ONCE = timedelta(days=7)


def midnight(text: str) -> datetime:
    return datetime.combine(date.fromisoformat(text), time(), tzinfo=UTC)


def stretches(since: datetime, until: datetime) -> Iterator[tuple[datetime, datetime]]:
    while since < until:
        yield since, min(since + DAYS_AT_ONCE, until)
        since += DAYS_AT_ONCE


class Command(BaseCommand):
    help = (
        "Roll readings up anew that came past ingest: restored, loaded in bulk or deleted. Running it again, or"
        " stopping it in the middle, does no harm; the worker goes on rolling up what arrives meanwhile."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--from", dest="since", type=midnight, required=True, help="First day (UTC), YYYY-MM-DD.")
        parser.add_argument("--to", dest="until", type=midnight, required=True, help="Day after the last (UTC).")
        parser.add_argument("--series", type=int, nargs="+", help="Only these; all without it.")

    def handle(self, *args: Any, since: datetime, until: datetime, series: list[int] | None, **options: Any) -> None:
        if since >= until:
            raise CommandError("--to must be after --from.")
        rows = Series.objects.filter(pk__in=series) if series else Series.objects.all()
        found = list(rows.order_by("pk").values_list("pk", flat=True))
        if series and len(found) < len(set(series)):
            raise CommandError(f"No such series: {', '.join(map(str, sorted(set(series) - set(found))))}.")
        chunks = [
            (found[first : first + SERIES_AT_ONCE], *stretch)
            for first in range(0, len(found), SERIES_AT_ONCE)
            for stretch in stretches(since, until)
        ]
        windows = 0
        with tqdm(total=len(chunks), desc="Roll-ups", unit=" chunks", disable=options["verbosity"] == 0 or None) as bar:
            for some, start, end in chunks:
                now = timezone.now()
                windows += rebuild(series=some, since=start, until=end, at=now)
                roll_up(at=now)  # what arrives has its turn in between
                bar.update()
        self.stdout.write(f"{windows} windows of {len(found)} series rolled up.")
