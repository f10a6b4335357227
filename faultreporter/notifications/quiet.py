"""Quiet hours, as arithmetic: in the person's own time zone, over midnight, over changes of the clock."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)


def quiet_until(at: datetime, *, start: time, end: time, zone: str) -> datetime | None:
    """When the quiet hours that `at` lies in are over (UTC), or None outside of them.

    They begin at `start` and last until `end` by the clock on the wall, on the next day if that isn't later. A time
    that the clock skips counts as if it hadn't; of one that comes twice, the first counts. Equal times: never quiet.
    """
    found = window_end(at, start, end, ZoneInfo(zone)) if start != end else None
    while found is not None and (longer := window_end(found, start, end, ZoneInfo(zone))) is not None:
        found = longer  # a change of the clock can push the end of one night into the beginning of the next
    return found


def window_end(at: datetime, start: time, end: time, zone: ZoneInfo) -> datetime | None:
    today = at.astimezone(zone).date()
    for day in (today - DAY, today, today + DAY):
        begins = on_the_wall(day, start, zone)
        ends = on_the_wall(day if end > start else day + DAY, end, zone)
        if begins <= at < ends:
            return ends
    return None


def on_the_wall(day: date, clock: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, clock, tzinfo=zone).astimezone(UTC)
