from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from equipment.models import Equipment
from faultreporter.api.serializers import InstantField, ModelSerializer
from locations.fields import VisibleKeyField
from telemetry.history import Line
from telemetry.ingest import MAX_ERRORS, MAX_READINGS
from telemetry.models import DeviceKey, Metric, Quality
from telemetry.refusals import Refused


@extend_schema_field({"type": "number", "format": "double"})
class NumberField(serializers.Field[float, Any, float, Any]):
    """A number; text that looks like one isn't one. The parser has refused what isn't finite."""

    default_error_messages = {"invalid": _("Send a number.")}

    def to_internal_value(self, data: Any) -> float:
        if type(data) not in (int, float):
            self.fail("invalid")
        return float(data)

    def to_representation(self, value: float) -> float:
        return value


class MetricSerializer(ModelSerializer):
    """A quantity that sensors report, the unit it is stored in, and what is physically possible."""

    physical_min = NumberField(allow_null=True, required=False)
    physical_max = NumberField(allow_null=True, required=False)

    class Meta:
        model = Metric
        fields = (
            "id", "code", "name", "description", "unit", "kind", "brick_class", "physical_min", "physical_max",
            "created_at", "updated_at", "deleted_at",
        )  # fmt: skip
        read_only_fields = ("id", "created_at", "updated_at", "deleted_at")


class MetricCodeField(serializers.SlugRelatedField[Metric]):
    """A metric by its code."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(slug_field="code", queryset=Metric.objects.all(), **kwargs)

    def get_queryset(self) -> Any:
        return Metric.objects.living()

    def to_internal_value(self, data: Any) -> Metric:
        if not isinstance(data, str) or "\0" in data:
            self.fail("invalid")
        return super().to_internal_value(data)


class DeviceKeySerializer(ModelSerializer):
    """The key of a gateway; `equipment_ids` are the machines it may send for, unless `all_equipment` is true."""

    equipment_ids = VisibleKeyField(source="equipment", queryset=Equipment.objects.all(), many=True, required=False)

    class Meta:
        model = DeviceKey
        fields = (
            "id", "name", "device_id", "prefix", "all_equipment", "equipment_ids",
            "previous_expires_at", "last_used_at", "created_at", "updated_at", "deleted_at",
        )  # fmt: skip
        read_only_fields = (
            "id", "prefix", "previous_expires_at", "last_used_at", "created_at", "updated_at", "deleted_at",
        )  # fmt: skip


class IssuedDeviceKeySerializer(DeviceKeySerializer):
    """The one answer that shows the key itself."""

    key = serializers.CharField(read_only=True, help_text=_("For the header X-Device-Key. Shown once, stored nowhere."))

    class Meta(DeviceKeySerializer.Meta):
        fields = (*DeviceKeySerializer.Meta.fields, "key")  # type: ignore[assignment]  # one longer


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
