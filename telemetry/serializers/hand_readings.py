from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from faultreporter.api.serializers import CleanCharField, ModelSerializer, Serializer
from telemetry.hand_readings.by_hand import MAX_ROUND, Outcome
from telemetry.models import HandReading
from telemetry.serializers.fields import NumberField
from telemetry.serializers.readings import MachineReadingSerializer
from telemetry.store.history import LARGEST_SERIES


@extend_schema_field(OpenApiTypes.DATETIME)
class MomentField(CleanCharField):
    """A time as ingest reads it; the text goes there as it is."""


class TypedReadingSerializer(Serializer):
    """What a person read off a dial."""

    value = NumberField()
    unit = CleanCharField(required=False, max_length=32, help_text=_("A UCUM code; the metric's own unit if left out."))
    recorded_at = MomentField(
        required=False, max_length=40,
        help_text=_("When it was read, with an offset: a phone that was offline sends it later. Now if left out."),
    )  # fmt: skip
    note = CleanCharField(required=False, default="", allow_blank=True, max_length=200)
    confirm = serializers.BooleanField(
        required=False, default=False,
        help_text=_("The value is right although it is implausible: the answer to IMPLAUSIBLE_READING."),
    )  # fmt: skip


class RoundReadingSerializer(TypedReadingSerializer):
    """A reading of a round: of a series, or by machine and metric, which begins a series if there is none."""

    series_id = serializers.IntegerField(required=False, min_value=1, max_value=LARGEST_SERIES)
    equipment_id = serializers.UUIDField(required=False)
    metric = CleanCharField(required=False, max_length=50, help_text=_("Its code, with equipment_id."))

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        named = {"series_id", "equipment_id", "metric"} & attrs.keys()
        if named not in ({"series_id"}, {"equipment_id", "metric"}):
            problem = _("Name the series (series_id), or the machine and the metric (equipment_id, metric).")
            raise serializers.ValidationError({"series_id": problem})
        return attrs


@extend_schema_field(RoundReadingSerializer)
class AnyField(serializers.Field[Any, Any, Any, Any]):
    """Looked at later, one by one: a reading that can't be read keeps out no other."""

    def to_internal_value(self, data: Any) -> Any:
        return data


class RoundSerializer(Serializer):
    """The readings of a round."""

    readings = serializers.ListField(child=AnyField(), min_length=1, max_length=MAX_ROUND)


class HandReadingSerializer(ModelSerializer):
    """A reading that a person took, in the metric's unit. `created_at` is when it reached the server."""

    series_id = serializers.IntegerField(read_only=True)
    equipment_id = serializers.UUIDField(source="series.equipment_id", read_only=True)
    equipment_code = serializers.CharField(source="series.equipment.equipment_code", read_only=True)
    metric = serializers.CharField(source="series.metric.code", read_only=True)
    unit = serializers.CharField(source="series.metric.unit", read_only=True, help_text=_("A UCUM code."))
    value = NumberField(read_only=True)
    by_id = serializers.UUIDField(read_only=True)
    by_name = serializers.CharField(source="by.display_name", read_only=True)

    class Meta:
        model = HandReading
        fields = (
            "id", "series_id", "equipment_id", "equipment_code", "metric", "value", "unit", "recorded_at", "note",
            "is_confirmed", "by_id", "by_name", "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = fields


class EnteredReadingSerializer(MachineReadingSerializer):
    """The reading as it is stored. `record` says who took it; null where a gateway had sent just this value."""

    outcome = serializers.ChoiceField(choices=[Outcome.CREATED.value, Outcome.KNOWN.value])
    record = HandReadingSerializer(allow_null=True)


class DetailSerializer(serializers.Serializer[Any]):
    field = serializers.CharField()
    code = serializers.CharField()
    message = serializers.CharField()


class RefusedReadingSerializer(serializers.Serializer[Any]):
    """What the answer to this reading alone would have been."""

    code = serializers.CharField()
    message = serializers.CharField()
    details = DetailSerializer(many=True)
    meta = serializers.DictField()


class RoundOutcomeSerializer(serializers.Serializer[Any]):
    """What became of one reading: `reading` is what is stored, or `error` says why it isn't."""

    index = serializers.IntegerField(help_text=_("Which reading of the round, from 0."))
    outcome = serializers.ChoiceField(choices=[outcome.value for outcome in Outcome])
    reading = EnteredReadingSerializer(allow_null=True)
    error = RefusedReadingSerializer(allow_null=True)


class RoundResultSerializer(serializers.Serializer[Any]):
    """Every reading is counted in exactly one of the four, and has its outcome, in the order they were sent."""

    created = serializers.IntegerField()
    known = serializers.IntegerField(help_text=_("The same value is stored for that moment already."))
    conflict = serializers.IntegerField(help_text=_("Another value is stored for that moment, and stays."))
    refused = serializers.IntegerField()
    outcomes = RoundOutcomeSerializer(many=True)
