from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from alerts.models import Alert
from analytics.models import AssetReliability, EnergyConsumption, OperationsReport
from analytics.reliability import Loss
from analytics.summaries import EQUIPMENT
from equipment.models import Equipment, StatusInterval
from faultreporter.api.permissions import MANAGERS
from faultreporter.api.serializers import CleanCharField, InstantField, ModelSerializer, Serializer
from locations.fields import VisibleKeyField
from locations.models import Location


class CostsForManagers:
    """Costs are for managers and administrators; other people get the fields with null in them."""

    cost_fields: tuple[str, ...] = ()

    def to_representation(self, record: Any) -> Any:
        data = super().to_representation(record)  # type: ignore[misc]
        request = self.context.get("request")  # type: ignore[attr-defined]
        if request is None or request.user.role not in MANAGERS.roles:
            data.update(dict.fromkeys(self.cost_fields))
        return data


@extend_schema_field(OpenApiTypes.DOUBLE)
class QuantityField(serializers.DecimalField):
    """An exact decimal that is a number on the wire; only money is text."""

    def to_representation(self, value: Any) -> float:  # type: ignore[override]
        return float(value)


class MoneySerializer(Serializer):
    amount = serializers.DecimalField(max_digits=16, decimal_places=2)
    currency = serializers.CharField()


class AssetReliabilitySerializer(CostsForManagers, ModelSerializer):
    """`availability` is a fraction, 0 to 1. `mtbf_hours` is null without a failure; then `mtbf_lower_90_hours` says
    what MTBF is at least, with 90 % confidence. Costs are null for people who aren't managers."""

    equipment_code = serializers.CharField(source="equipment.equipment_code", read_only=True)
    equipment_name = serializers.CharField(source="equipment.equipment_name", read_only=True)
    is_frozen = serializers.BooleanField(read_only=True)
    cost_total = serializers.DecimalField(max_digits=14, decimal_places=2, read_only=True, allow_null=True)
    currency = serializers.CharField(read_only=True, allow_null=True)

    cost_fields = ("cost_total", "currency")

    class Meta:
        model = AssetReliability
        fields = (
            "id",
            "equipment_id",
            "equipment_code",
            "equipment_name",
            "year",
            "quarter",
            "revision",
            "period_start",
            "period_end",
            "required_hours",
            "operating_hours",
            "unplanned_down_hours",
            "planned_down_hours",
            "standby_hours",
            "failure_count",
            "restoration_count",
            "mtbf_hours",
            "mtbf_lower_90_hours",
            "mttr_hours",
            "availability",
            "open_count",
            "open_hours_so_far",
            "work_order_count",
            "cost_total",
            "currency",
            "input_hash",
            "as_of",
            "is_frozen",
            "frozen_at",
            "superseded_at",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields


class ReliabilitySummarySerializer(CostsForManagers, Serializer):
    """All machines that the filters leave, taken together. MTBF is pooled: operating hours of all / failures of all."""

    year = serializers.IntegerField()
    quarter = serializers.IntegerField()
    equipment_count = serializers.IntegerField()
    required_hours = serializers.FloatField()
    operating_hours = serializers.FloatField()
    unplanned_down_hours = serializers.FloatField()
    planned_down_hours = serializers.FloatField()
    standby_hours = serializers.FloatField()
    failure_count = serializers.IntegerField()
    restoration_count = serializers.IntegerField()
    mtbf_hours = serializers.FloatField(allow_null=True)
    mtbf_lower_90_hours = serializers.FloatField(allow_null=True)
    mttr_hours = serializers.FloatField(allow_null=True)
    availability = serializers.FloatField(allow_null=True)
    open_count = serializers.IntegerField()
    open_hours_so_far = serializers.FloatField()
    work_order_count = serializers.IntegerField()
    costs = MoneySerializer(many=True, allow_null=True)
    several_currencies_count = serializers.IntegerField()
    is_frozen = serializers.BooleanField()
    as_of = InstantField(allow_null=True)

    cost_fields = ("costs",)


class SpanSerializer(Serializer):
    started_at = InstantField(source="start")
    ended_at = InstantField(source="end")
    hours = serializers.FloatField()


class EpisodeSerializer(Serializer):
    """Unplanned down time without a gap; `interval_ids` names the entries of the status log it was merged from."""

    started_at = InstantField(source="start")
    ended_at = InstantField(allow_null=True)
    hours = serializers.FloatField(allow_null=True)
    counts_as_failure = serializers.BooleanField()
    interval_ids = serializers.ListField(source="keys", child=serializers.UUIDField())


class LoggedIntervalSerializer(Serializer):
    id = serializers.UUIDField()
    status = serializers.ChoiceField(choices=StatusInterval.Status.choices)
    exclusion_reason = serializers.CharField()
    counts_as_failure = serializers.BooleanField()
    started_at = InstantField()
    ended_at = InstantField(allow_null=True)
    loss = serializers.ChoiceField(choices=[loss.value for loss in Loss])


class CompletedOrderSerializer(CostsForManagers, Serializer):
    id = serializers.UUIDField()
    completed_at = InstantField()
    cost = serializers.DecimalField(max_digits=16, decimal_places=2, allow_null=True)
    currency = serializers.CharField(allow_null=True)

    cost_fields = ("cost", "currency")


@extend_schema_serializer(component_name="ReliabilityEvidence")  # an analysis has its Evidence, too
class EvidenceSerializer(Serializer):
    """What a row's numbers were made of, and which of it went into which number.

    Hours: the spans under `unplanned_down`, `planned_down` and `standby` add up to the row's hours of that name.
    MTBF: `failures`. MTTR: `restorations`, each in its full length. `open_repairs` had no end when the period ended.
    `hash_matches` says that the stored material is still the one the numbers were computed from.
    """

    in_service = SpanSerializer(source="numbers.window")
    as_of = InstantField()
    input_hash = serializers.CharField()
    hash_matches = serializers.BooleanField()
    intervals = LoggedIntervalSerializer(many=True)
    unplanned_down = SpanSerializer(source="numbers.unplanned", many=True)
    planned_down = SpanSerializer(source="numbers.planned", many=True)
    standby = SpanSerializer(source="numbers.standby", many=True)
    failures = EpisodeSerializer(source="numbers.failures", many=True)
    restorations = EpisodeSerializer(source="numbers.restorations", many=True)
    open_repairs = EpisodeSerializer(source="numbers.open_repairs", many=True)
    work_orders = CompletedOrderSerializer(many=True)


class EnergyConsumptionSerializer(CostsForManagers, ModelSerializer):
    """Of a machine or of a place, never of both. A cost without a currency is in the product's own."""

    equipment_id = VisibleKeyField(
        source="equipment", queryset=Equipment.objects.all(), allow_null=True, required=False
    )
    location_id = VisibleKeyField(source="location", queryset=Location.objects.all(), allow_null=True, required=False)
    kwh = QuantityField(max_digits=14, decimal_places=3, min_value=0)
    co2_kg = QuantityField(max_digits=14, decimal_places=3, min_value=0, allow_null=True, required=False)
    coverage_percent = QuantityField(max_digits=5, decimal_places=2, min_value=0, max_value=100, required=False)
    currency = CleanCharField(max_length=3, allow_blank=True, allow_null=True, required=False)

    cost_fields = ("cost", "currency")

    class Meta:
        model = EnergyConsumption
        fields = (
            "id",
            "equipment_id",
            "location_id",
            "year",
            "quarter",
            "kwh",
            "cost",
            "currency",
            "co2_kg",
            "coverage_percent",
            "source",
            "computed_at",
            "created_at",
            "updated_at",
            "deleted_at",
        )
        read_only_fields = ("id", "computed_at", "created_at", "updated_at", "deleted_at")
        extra_kwargs = {"cost": {"allow_null": True}}


class EnergySummarySerializer(CostsForManagers, Serializer):
    """One level's use in one quarter: EQUIPMENT, or a kind of place. Levels overlap; don't add them up."""

    year = serializers.IntegerField()
    quarter = serializers.IntegerField()
    level = serializers.ChoiceField(choices=[EQUIPMENT, *Location.Kind.values])
    count = serializers.IntegerField()
    kwh = QuantityField(max_digits=20, decimal_places=3)
    co2_kg = QuantityField(max_digits=20, decimal_places=3, allow_null=True)
    lowest_coverage_percent = QuantityField(max_digits=5, decimal_places=2)
    costs = MoneySerializer(many=True, allow_null=True)

    cost_fields = ("costs",)


class WorstOfWeekSerializer(Serializer):
    equipment_id = serializers.UUIDField()
    equipment_code = serializers.CharField()
    equipment_name = serializers.CharField()
    unplanned_down_hours = serializers.FloatField()
    failure_count = serializers.IntegerField()


class AlarmsOfWeekSerializer(Serializer):
    """How often an alarm began, how many alerts of the week are false so far, and which alarm was loudest."""

    begins = serializers.IntegerField()
    false_alarms = serializers.IntegerField()
    loudest = serializers.CharField(allow_null=True)
    loudest_begins = serializers.IntegerField(allow_null=True)


class FiguresSerializer(Serializer):
    """What happened in the week, and how things stood at its end."""

    alerts_raised = serializers.IntegerField()
    alerts_resolved = serializers.IntegerField()
    orders_completed = serializers.IntegerField()
    orders_overdue = serializers.IntegerField()
    machines = serializers.IntegerField()
    machines_down = serializers.IntegerField()
    availability = serializers.FloatField(allow_null=True)
    worst_machines = WorstOfWeekSerializer(many=True)
    costs = MoneySerializer(many=True)
    alarms = AlarmsOfWeekSerializer(default=None, allow_null=True, help_text="Null in reports of before it was told.")


class ReportSerializer(ModelSerializer):
    """A weekly operations report; the document itself is under `/download`."""

    figures = FiguresSerializer(read_only=True)

    class Meta:
        model = OperationsReport
        fields = (
            "id",
            "iso_year",
            "iso_week",
            "period_start",
            "period_end",
            "subject",
            "figures",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields


class DownMachineSerializer(Serializer):
    equipment_id = serializers.UUIDField()
    equipment_code = serializers.CharField()
    equipment_name = serializers.CharField()
    location = serializers.CharField()
    since = InstantField()
    hours = serializers.FloatField()
    reason = serializers.CharField()


class WorstMachineSerializer(Serializer):
    equipment_id = serializers.UUIDField()
    equipment_code = serializers.CharField()
    equipment_name = serializers.CharField()
    unplanned_down_hours = serializers.FloatField()
    failure_count = serializers.IntegerField()
    availability = serializers.FloatField(allow_null=True)


def counts_by(choices: list[str]) -> type[Serializer]:
    """A serializer of one whole number a choice."""
    fields = {choice: serializers.IntegerField() for choice in choices}
    return type("CountsBy", (Serializer,), fields)


class StatusCountsSerializer(counts_by(Equipment.Status.values)):  # type: ignore[misc]  # made of the enumeration
    pass


class SeverityCountsSerializer(counts_by(Alert.Severity.values)):  # type: ignore[misc]  # made of the enumeration
    pass


class TodaySerializer(Serializer):
    """How things stand now on the sites you see; the last five fields are about the running quarter so far."""

    at = InstantField()
    equipment_total = serializers.IntegerField()
    equipment_by_status = StatusCountsSerializer()
    alerts_unresolved = serializers.IntegerField()
    alerts_unacknowledged = serializers.IntegerField()
    alerts_by_severity = SeverityCountsSerializer()
    orders_unfinished = serializers.IntegerField()
    orders_unassigned = serializers.IntegerField()
    orders_overdue = serializers.IntegerField()
    orders_at_risk = serializers.IntegerField(help_text="A response or restore target runs out soon.")
    orders_breached = serializers.IntegerField(help_text="Not finished, and a target was missed.")
    orders_due_today = serializers.IntegerField()
    orders_completed_this_week = serializers.IntegerField()
    machines_down = serializers.IntegerField()
    longest_down = DownMachineSerializer(many=True)
    year = serializers.IntegerField()
    quarter = serializers.IntegerField()
    availability = serializers.FloatField(allow_null=True)
    failures = serializers.IntegerField(allow_null=True)
    worst_machines = WorstMachineSerializer(many=True)
