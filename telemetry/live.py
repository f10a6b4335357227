"""Readings on their way to screens that stay open, and what such a screen is told of them."""

import uuid
from collections.abc import Collection

from django.db.models import QuerySet

from equipment.models import Equipment
from faultreporter.api.renderers import to_json
from faultreporter.live import bus
from faultreporter.live.audience import Audience, Topic
from locations.models.tree import at_or_below, places_above
from telemetry.models import LatestReading, Series

Readings = list[bus.Reading]


def send_latest(series: Collection[int]) -> bool:
    """Tells the streams the present latest readings of these series; whether that could be done.

    They are read now, not carried along: whatever the order in which workers come to it, it is the newest.
    """
    return bus.send_readings(as_readings(LatestReading.objects.good().filter(series__in=series)))


def as_readings(rows: "QuerySet[LatestReading]") -> Readings:
    return [bus.Reading.of(*row) for row in rows.values_list("series_id", "recorded_at", "value")]


def heard_by(audience: Audience) -> "QuerySet[LatestReading]":
    """The latest readings of what an audience asked for. What is hidden from it is not taken out here."""
    rows = LatestReading.objects.good().filter(series__equipment__deleted_at=None)
    if audience.series:
        rows = rows.filter(series__in=audience.series)
    if audience.machines:
        rows = rows.filter(series__equipment__in=audience.machines)
    for place in audience.places:
        rows = rows.filter(series__equipment__location__in=at_or_below(place))
    return rows


class Directory:
    """What the stream process asks the database."""

    def series(self, ids: Collection[int]) -> dict[int, Topic]:
        columns = ("pk", "equipment_id", "metric__code", "metric__unit", "equipment__location_id")
        rows = list(Series.objects.filter(pk__in=ids).values_list(*columns))
        above = places_above({place for *_, place in rows if place})
        return {
            pk: Topic(
                keys=(None, pk, machine, *above.get(place, ())),
                about=to_json({"series_id": pk, "equipment_id": machine, "metric": metric, "unit": unit}),
            )
            for pk, machine, metric, unit, place in rows
        }

    def machines(self, ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Topic]:
        columns = ("pk", "equipment_code", "equipment_name", "location_id")
        rows = list(Equipment.objects.filter(pk__in=ids).values_list(*columns))
        above = places_above({place for *_, place in rows if place})
        return {
            pk: Topic(keys=(None, pk, *above.get(place, ())), about=to_json({"id": pk, "code": code, "name": name}))
            for pk, code, name, place in rows
        }

    def latest(self, audience: Audience) -> Readings:
        return as_readings(heard_by(audience))

    def latest_of(self, series: Collection[int]) -> Readings:
        return as_readings(LatestReading.objects.good().filter(series__in=series))
