from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from equipment.models import Equipment
from faultreporter.api.serializers import CleanCharField, InstantField, ModelSerializer, Serializer
from locations.fields import VisibleKeyField
from locations.models import Location
from telemetry.models import Meter, MeterExchange, Series, Tariff
from telemetry.serializers.fields import NumberField
from telemetry.store.history import LARGEST_SERIES


@extend_schema_field({"type": "integer", "minimum": 1, "maximum": LARGEST_SERIES})
class SeriesKeyField(VisibleKeyField):
    """The id of a series, a whole number."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pk_field = serializers.IntegerField(min_value=1, max_value=LARGEST_SERIES)

    def to_internal_value(self, data: Any) -> Any:
        if type(data) is not int:
            self.fail("incorrect_type", data_type=type(data).__name__)
        return super().to_internal_value(data)


class ExchangeSerializer(ModelSerializer):
    """A meter was replaced: what the old dial showed last and the new one first, in the counter's unit."""

    final = NumberField()
    initial = NumberField()

    class Meta:
        model = MeterExchange
        fields = ("id", "at", "final", "initial", "note", "created_at")
        read_only_fields = ("id", "created_at")


class MeterSerializer(ModelSerializer):
    """A counter with a place: it supplies a machine (`equipment_id`) or a place (`location_id`), one of the two."""

    series_id = SeriesKeyField(source="series", queryset=Series.objects.select_related("metric"))
    equipment_id = VisibleKeyField(
        source="equipment", queryset=Equipment.objects.all(), allow_null=True, required=False
    )
    location_id = VisibleKeyField(source="location", queryset=Location.objects.all(), allow_null=True, required=False)
    parent_id = VisibleKeyField(source="parent", queryset=Meter.objects.all(), allow_null=True, required=False)
    unit = CleanCharField(max_length=32, required=False, help_text=_("A UCUM code; the metric's own if left out."))
    factor = NumberField(required=False)
    rolls_over_at = NumberField(allow_null=True, required=False)
    max_per_hour = NumberField(allow_null=True, required=False)
    metric = serializers.CharField(source="series.metric.code", read_only=True)
    exchanges = ExchangeSerializer(many=True, read_only=True)

    class Meta:
        model = Meter
        fields = (
            "id", "name", "serial_number", "utility", "series_id", "metric", "equipment_id", "location_id", "parent_id",
            "unit", "factor", "rolls_over_at", "max_per_hour", "exchanges", "created_at", "updated_at", "deleted_at",
        )  # fmt: skip
        read_only_fields = ("id", "created_at", "updated_at", "deleted_at")


class UseSerializer(Serializer):
    """What was used from `start` to `end`; `amount` is null, not 0, where no reading says anything."""

    start = InstantField()
    end = InstantField(help_text=_("Exclusive."))
    amount = NumberField(allow_null=True)
    estimated_share = NumberField(help_text=_("How much of it was shared out over an edge or a reset, 0 to 1."))
    coverage = NumberField(help_text=_("How much of the time lies between readings close enough, 0 to 1."))


class ConsumptionSerializer(Serializer):
    """A meter's use by bucket. The buckets add up to the total; the first and the last are cut at `from` and `to`."""

    meter_id = serializers.UUIDField()
    unit = serializers.CharField(help_text=_("A UCUM code."))
    bucket = serializers.ChoiceField(choices=["1h", "1d", "1mo"])
    time_zone = serializers.CharField()
    gap_s = NumberField(help_text=_("Readings further apart than this don't cover the time between them."))
    total = NumberField(allow_null=True)
    estimated_share = NumberField()
    coverage = NumberField()
    buckets = UseSerializer(many=True)


class TariffSerializer(ModelSerializer):
    """From a day on: what a kWh costs and emits (a m³ of water or compressed air)."""

    site_id = VisibleKeyField(
        source="site", queryset=Location.objects.filter(kind="SITE"), allow_null=True, required=False
    )
    currency = CleanCharField(max_length=3, allow_blank=True, required=False)

    class Meta:
        model = Tariff
        fields = (
            "id", "utility", "site_id", "valid_from", "price", "currency", "co2_kg",
            "created_at", "updated_at", "deleted_at",
        )  # fmt: skip
        read_only_fields = ("id", "created_at", "updated_at", "deleted_at")
