from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from faultreporter.api.serializers import ModelSerializer
from telemetry.models import Metric, Quality, Series
from telemetry.serializers.fields import NumberField
from telemetry.store.history import measured_interval


class LatestSerializer(serializers.Serializer[Any]):
    value = NumberField()
    recorded_at = serializers.DateTimeField()
    received_at = serializers.DateTimeField(help_text=_("Its arrival, by our clock."))
    quality = serializers.ChoiceField(
        source="quality.name", choices=Quality.names, help_text=_("VOID: a manager has said that it is wrong.")
    )


class SeriesSerializer(ModelSerializer):
    """One metric of one machine. `is_stale` says that readings have stayed away for three expected intervals, or for
    one where people read it: then it is to be read."""

    id = serializers.IntegerField(read_only=True)
    equipment_id = serializers.UUIDField(read_only=True)
    equipment_code = serializers.CharField(source="equipment.equipment_code", read_only=True)
    equipment_name = serializers.CharField(source="equipment.equipment_name", read_only=True)
    location_id = serializers.UUIDField(source="equipment.location_id", read_only=True, allow_null=True)
    location_name = serializers.CharField(
        source="equipment.location.name", read_only=True, allow_null=True, default=None
    )
    metric = serializers.CharField(source="metric.code", read_only=True)
    kind = serializers.ChoiceField(source="metric.kind", choices=Metric.Kind.choices, read_only=True)
    unit = serializers.CharField(source="metric.unit", read_only=True, help_text=_("A UCUM code."))
    gateway_id = serializers.UUIDField(
        read_only=True, allow_null=True, help_text=_("The device key its newest readings came with.")
    )
    gateway_name = serializers.CharField(source="gateway.name", read_only=True, allow_null=True, default=None)
    is_stale = serializers.BooleanField(
        read_only=True, allow_null=True, help_text=_("Null where no interval is expected.")
    )
    latest = serializers.SerializerMethodField()

    class Meta:
        model = Series
        fields: tuple[str, ...] = (
            "id", "equipment_id", "equipment_code", "equipment_name", "location_id", "location_name", "metric", "kind",
            "unit", "gateway_id", "gateway_name", "expected_interval_s", "read_by_hand", "is_stale", "latest",
            "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = ("created_at", "updated_at")

    @extend_schema_field(LatestSerializer(allow_null=True))
    def get_latest(self, series: Series) -> Any:
        return LatestSerializer(series.latest).data if hasattr(series, "latest") else None


class SeriesDetailSerializer(SeriesSerializer):
    """With how far apart its newest readings are, by their own times."""

    measured_interval_s = serializers.SerializerMethodField(
        help_text=_("The median of the newest gaps, in seconds; null without a gap.")
    )

    class Meta(SeriesSerializer.Meta):
        fields = (*SeriesSerializer.Meta.fields, "measured_interval_s")

    @extend_schema_field(NumberField(allow_null=True))
    def get_measured_interval_s(self, series: Series) -> float | None:
        return measured_interval(series.pk)
