"""Where the buckets of a range begin and end on the clock of a place."""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _

from faultreporter.errors import RangeTooLarge
from telemetry.aggregation.rollups import floor_to

MAX_BUCKETS = 10_000
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

# Offsets from UTC are whole quarters of an hour, so these begin everywhere at the same moments.
SAME_EVERYWHERE = {"1m": MINUTE, "5m": 5 * MINUTE, "15m": 15 * MINUTE}
WITHIN_A_DAY = {"30m": 30 * MINUTE, "1h": HOUR, "6h": 6 * HOUR}
BUCKETS = (*SAME_EVERYWHERE, *WITHIN_A_DAY, "1d", "1w", "1mo")


class TooManyBuckets(RangeTooLarge):
    """More than an answer may have; `meta.max_buckets` says how many that is."""

    def __init__(self, most: int) -> None:
        message = _("That is more than %(most)d buckets; ask for larger ones, a shorter time or fewer series.")
        super().__init__(message % {"most": most}, field="bucket", meta={"max_buckets": most})


def edges(bucket: str, *, since: datetime, until: datetime, zone: ZoneInfo, most: int = MAX_BUCKETS) -> list[datetime]:
    """`since`, every moment in between at which a new bucket begins, and `until`.

    Days, weeks (from Monday) and months are those of the zone's calendar: when clocks change, a day has 23 or 25 hours.
    Shorter buckets begin where the wall clock shows a whole multiple of them; an hour that comes twice is two buckets.
    """
    found = [since]
    for edge in takewhile(lambda edge: edge < until, beginnings(bucket, since=since, zone=zone)):
        if edge > found[-1]:  # a day that a place has skipped begins and ends at once
            found.append(edge)
        if len(found) > most:
            raise TooManyBuckets(most)
    return [*found, until]


def beginnings(bucket: str, *, since: datetime, zone: ZoneInfo) -> Iterable[datetime]:
    """From one at or before `since`, without an end."""
    today = since.astimezone(zone).date()
    if bucket in SAME_EVERYWHERE:
        return steps(floor_to(since, SAME_EVERYWHERE[bucket]), SAME_EVERYWHERE[bucket])
    if bucket in WITHIN_A_DAY:
        return (at for day in days(today) for at in within_day(day, WITHIN_A_DAY[bucket], zone))
    if bucket == "1d":
        return (midnight(day, zone) for day in days(today))
    if bucket == "1w":
        return (midnight(day, zone) for day in days(today - timedelta(days=today.weekday()), every=7))
    return (midnight(day, zone) for day in months(today.replace(day=1)))


def steps(at: datetime, step: timedelta) -> Iterator[datetime]:
    while True:
        yield at
        at += step


def days(day: date, *, every: int = 1) -> Iterator[date]:
    while True:
        yield day
        day += timedelta(days=every)


def months(first: date) -> Iterator[date]:
    while True:
        yield first
        first = (first + timedelta(days=31)).replace(day=1)


def instant(wall: datetime, zone: ZoneInfo) -> datetime:
    """When the zone's clock shows this; the first time if twice, the moment it is put forward if never."""
    return wall.replace(tzinfo=zone).astimezone(UTC)


def midnight(day: date, zone: ZoneInfo) -> datetime:
    return instant(datetime.combine(day, time()), zone)


def within_day(day: date, step: timedelta, zone: ZoneInfo) -> list[datetime]:
    start, end = midnight(day, zone), midnight(day + DAY, zone)
    if end - start == DAY:
        return [start + number * step for number in range(DAY // step)]
    walls = [datetime.combine(day, time()) + number * step for number in range(DAY // step)]
    found = {start} | {instant(wall, zone) for wall in walls}
    if step <= HOUR:
        second = [(wall, instant(wall.replace(fold=1), zone)) for wall in walls]
        found |= {at for wall, at in second if at.astimezone(zone).replace(tzinfo=None, fold=0) == wall}
    return sorted(at for at in found if start <= at < end)
