"""A line of the last day in each row of a list: drawn by the server, without a script."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, QuerySet
from django.db.models.functions import Extract, JSONObject
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext

from telemetry.models import HourRollup
from telemetry.models.catalogue import GAP_INTERVALS
from telemetry.units import quantity

SHOWN = timedelta(days=1)
WIDTH, HEIGHT, EDGE = 96, 24, 2
HOUR = (WIDTH - 2 * EDGE) / 24
Hours = list[dict[str, float]]


class Place(NamedTuple):
    """An hour in the drawing: how far to the right it is, how far down its highest and its lowest value."""

    x: float
    top: float
    bottom: float


def with_day(rows: QuerySet[Any], *, at: datetime) -> QuerySet[Any]:
    """Adds `day` to series or latest readings: the hours that have readings, with their lowest and highest values.

    It comes with the rows themselves, so a page of fifty asks no more often than a page of one.
    """
    hours = HourRollup.objects.filter(series_id=OuterRef("pk"), bucket_at__gt=at - SHOWN, bucket_at__lte=at)
    told = JSONObject(at=Extract("bucket_at", "epoch"), low="min", high="max")
    found: QuerySet[Any] = rows.annotate(day=ArraySubquery(hours.order_by("bucket_at").values(told=told)))
    return found


def sparkline(hours: Hours, unit: str, *, at: datetime) -> SafeString | str:
    """The band between the lowest and the highest value of each hour; nothing where nothing came."""
    if not hours:
        return ""
    low, high = min(hour["low"] for hour in hours), max(hour["high"] for hour in hours)
    said = gettext("24 hours: %(low)s to %(high)s") % {"low": quantity(low, unit), "high": quantity(high, unit)}
    return format_html(
        '<svg class="text-primary-600 dark:text-primary-500" role="img" aria-label="{0}" width="{1}" height="{2}"'
        ' viewBox="0 0 {1} {2}" fill="currentColor" fill-opacity=".25" stroke="currentColor" stroke-width="1"'
        ' stroke-linecap="round" stroke-linejoin="round"><title>{0}</title><path d="{3}"/></svg>',
        said, WIDTH, HEIGHT, "".join(outline(run) for run in runs(places(hours, low, high, at=at))),
    )  # fmt: skip


def places(hours: Hours, low: float, high: float, *, at: datetime) -> list[Place]:
    """The present is at the right, the lowest value of the day at the bottom; what never moves lies in the middle."""

    def down(value: float) -> float:
        return EDGE + (HEIGHT - 2 * EDGE) * ((high - value) / (high - low) if high > low else 0.5)

    return [
        Place(WIDTH - EDGE - HOUR * (at.timestamp() - hour["at"]) / 3600, down(hour["high"]), down(hour["low"]))
        for hour in hours
    ]


def runs(found: Iterable[Place]) -> list[list[Place]]:
    """Hours that belong together: where readings stayed away for longer there is no line."""
    together: list[list[Place]] = []
    for place in found:
        if together and place.x - together[-1][-1].x < (GAP_INTERVALS + 0.5) * HOUR:
            together[-1].append(place)
        else:
            together.append([place])
    return together


def outline(run: list[Place]) -> str:
    """Along the highest values and back along the lowest."""
    there, back = [(place.x, place.top) for place in run], [(place.x, place.bottom) for place in reversed(run)]
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in [*there, *back]) + "Z"
