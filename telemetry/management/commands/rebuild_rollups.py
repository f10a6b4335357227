from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice, product
from time import monotonic
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from tqdm import tqdm

from telemetry.aggregation.rollups import Stretch, rebuild, roll_up
from telemetry.models import Series

DAY = timedelta(days=1)
FIRST_PIECE, LARGEST_PIECE = 20, 1_000
SECONDS_A_PIECE = 1.0
"""How long live roll-ups wait for their turn, about."""


def midnight(text: str) -> datetime:
    return datetime.combine(date.fromisoformat(text), time(), tzinfo=UTC)


def series_days(series: Sequence[int], since: datetime, until: datetime) -> Iterator[Stretch]:
    """Day by day, as readings are stored."""
    days = [since + n * DAY for n in range((until - since) // DAY)]
    return (Stretch(one, day, day + DAY) for day, one in product(days, series))


def next_size(size: int, seconds: float) -> int:
    """How many of them the next piece should have, if a piece of that size took so long."""
    return max(1, min(2 * size, int(size * SECONDS_A_PIECE / seconds), LARGEST_PIECE))


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
        windows, size, days = 0, FIRST_PIECE, series_days(found, since, until)
        total, quiet = len(found) * ((until - since) // DAY), options["verbosity"] == 0 or None
        with tqdm(total=total, desc="Roll-ups", unit=" days of a series", unit_scale=True, disable=quiet) as bar:
            while piece := list(islice(days, size)):
                now, began = timezone.now(), monotonic()
                windows += rebuild(piece, at=now)
                size = next_size(size, monotonic() - began)
                roll_up(at=now)  # what arrives has its turn in between
                bar.update(len(piece))
        self.stdout.write(f"{windows} windows of {len(found)} series rolled up.")
