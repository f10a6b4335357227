from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from faultreporter.api.serializers import InstantField
from telemetry.intake.ingest import MAX_ERRORS, MAX_READINGS
from telemetry.intake.refusals import Refused
from telemetry.models import Quality
from telemetry.serializers.fields import NumberField
from telemetry.store.history import Line


class ReadingSerializer(serializers.Serializer[Any]):
    """One measured value, in the metric's unit."""

    metric = serializers.CharField()
    value = NumberField()
    unit = serializers.CharField(help_text=_("The metric's unit, a UCUM code."))
    recorded_at = serializers.DateTimeField()
    quality = serializers.ChoiceField(choices=Quality.names, help_text=_("VOID: a manager has said that it is wrong."))


class MachineReadingSerializer(ReadingSerializer):
    """One measured value of one machine, in the metric's unit."""

    equipment_id = serializers.UUIDField()
    series_id = serializers.IntegerField()


def reading_json(line: Line) -> dict[str, Any]:
    """What ReadingSerializer describes, without its cost: a page has up to a thousand."""
    return {
        "metric": line.metric,
        "value": line.value,
        "unit": line.unit,
        "recorded_at": line.recorded_at,
        "quality": line.quality,
    }


def machine_reading_json(line: Line) -> dict[str, Any]:
    metric, value, unit, recorded_at, equipment_id, series_id, quality = line  # a third of what _asdict takes
    return {
        "metric": metric,
        "value": value,
        "unit": unit,
        "recorded_at": recorded_at,
        "equipment_id": equipment_id,
        "series_id": series_id,
        "quality": quality,
    }


class SentReadingSerializer(serializers.Serializer[Any]):
    """Name the machine by id or by code."""

    equipment_id = serializers.UUIDField(required=False)
    equipment_code = serializers.CharField(required=False)
    metric = serializers.CharField()
    value = NumberField()
    unit = serializers.CharField(required=False, help_text=_("A UCUM code; the metric's own unit if left out."))
    recorded_at = InstantField(required=False, help_text=_("The time of arrival if left out."))


class SentReadingsSerializer(serializers.Serializer[Any]):
    """As application/x-ndjson: one reading a line, without the object around them."""

    readings = serializers.ListField(child=SentReadingSerializer(), max_length=MAX_READINGS)


class ReadingErrorSerializer(serializers.Serializer[Any]):
    """Why a reading was rejected."""

    index = serializers.IntegerField(help_text=_("Which reading of the batch, from 0."))
    code = serializers.ChoiceField(choices=[code.value for code in Refused])
    message = serializers.CharField()


class IngestResultSerializer(serializers.Serializer[Any]):
    """Every reading is counted in exactly one of the four."""

    accepted = serializers.IntegerField()
    duplicate = serializers.IntegerField(help_text=_("The same value is stored for that moment already."))
    conflict = serializers.IntegerField(help_text=_("Another value is stored for that moment, and stays."))
    rejected = serializers.IntegerField()
    errors = serializers.ListField(child=ReadingErrorSerializer(), max_length=MAX_ERRORS)  # type: ignore[assignment]  # a field
