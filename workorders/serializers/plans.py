"""Maintenance plans, their due times and their workload as JSON."""

from datetime import timedelta
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from alerts.serializers import LONGEST_TEXT, ReasonSerializer
from equipment.models import Equipment, Team
from equipment.serializers import (
    EquipmentBriefSerializer,
    OptionalTextField,
    PersonBriefSerializer,
    TeamBriefSerializer,
)
from faultreporter.accounts.models import User
from faultreporter.api.serializers import CleanCharField, ModelSerializer, Serializer, UpperChoiceField
from locations.fields import VisibleKeyField
from locations.models import Location
from locations.serializers import LocationBriefSerializer
from telemetry.serializers.fields import MetricCodeField, NumberField
from workorders.horizon import LONGEST_WINDOW, next_dates
from workorders.models import ChecklistTemplate, MaintenancePlan, PlanMeter, PlanOccurrence, WorkOrder
from workorders.models.planning import LONGEST_JOB
from workorders.serializers.fields import MinutesField
from workorders.serializers.orders import WorkOrderBriefSerializer

STATES = (*PlanOccurrence.State.values, "EXPECTED")


class PlanMeterSerializer(serializers.Serializer[PlanMeter]):
    """How far a plan's counter has come, in the metric's unit; all null before its first reading."""

    counted = serializers.FloatField(
        source="total", allow_null=True, help_text="Only grows: a counter that was replaced goes on."
    )
    due = serializers.FloatField(allow_null=True)
    read_at = serializers.DateTimeField(source="seen_at", allow_null=True)
    expected_at = serializers.SerializerMethodField(help_text="When it is due at the pace so far.")

    @extend_schema_field(serializers.DateTimeField(allow_null=True))
    def get_expected_at(self, meter: PlanMeter) -> Any:
        return meter.expected_at(timezone.now())


class MaintenancePlanSummarySerializer(ModelSerializer):
    """A maintenance plan in a list."""

    equipment_id = serializers.UUIDField(read_only=True)
    equipment = EquipmentBriefSerializer(read_only=True)
    location = LocationBriefSerializer(source="equipment.location", read_only=True, allow_null=True)
    description = OptionalTextField(read_only=True)
    rule = OptionalTextField(read_only=True)
    rule_in_words = serializers.SerializerMethodField()
    metric = serializers.CharField(source="metric.code", read_only=True, allow_null=True)
    meter = serializers.SerializerMethodField()
    checklist_id = serializers.UUIDField(read_only=True, allow_null=True)
    assigned_to = PersonBriefSerializer(read_only=True, allow_null=True)
    assigned_team = TeamBriefSerializer(read_only=True, allow_null=True)
    pause_reason = OptionalTextField(read_only=True)
    is_active = serializers.SerializerMethodField(help_text="Whether it will make orders.")
    is_overdue = serializers.SerializerMethodField(help_text="Due already and not done.")
    open_order = serializers.SerializerMethodField()

    class Meta:
        model = MaintenancePlan
        fields: tuple[str, ...] = (
            "id", "title", "description", "equipment_id", "equipment", "location", "type", "priority", "trigger",
            "schedule", "rule", "rule_in_words", "start_date", "due_time", "ends_on", "lead_days", "tolerance_days",
            "metric", "meter_interval", "meter_base", "meter", "estimated_minutes", "checklist_id", "assigned_to",
            "assigned_team", "is_active", "is_overdue", "paused_at", "paused_until", "pause_reason", "next_due_at",
            "last_completed_at", "open_order", "created_at", "updated_at", "deleted_at",
        )  # fmt: skip
        read_only_fields: tuple[str, ...] = fields

    def get_rule_in_words(self, plan: MaintenancePlan) -> str | None:
        return plan.rule_in_words() or None

    @extend_schema_field(PlanMeterSerializer(allow_null=True))
    def get_meter(self, plan: MaintenancePlan) -> Any:
        return PlanMeterSerializer(plan.meter).data if plan.trigger in plan.BY_METER else None

    def get_is_active(self, plan: MaintenancePlan) -> bool:
        return plan.is_active(timezone.now())

    def get_is_overdue(self, plan: MaintenancePlan) -> bool:
        now, order = timezone.now(), plan.open_order()
        return order.is_overdue(now) if order else plan.is_active(now) and plan.is_overdue(now)

    @extend_schema_field(WorkOrderBriefSerializer(allow_null=True))
    def get_open_order(self, plan: MaintenancePlan) -> Any:
        order = plan.open_order()
        return WorkOrderBriefSerializer(order).data if order else None


class ComplianceSerializer(serializers.Serializer[Any]):
    """What was due in the last 365 days. What was skipped or cancelled with a reason doesn't count."""

    on_time = serializers.IntegerField(min_value=0)
    late = serializers.IntegerField(min_value=0)
    missed = serializers.IntegerField(min_value=0)
    skipped = serializers.IntegerField(min_value=0)
    on_time_percent = serializers.FloatField(allow_null=True, help_text="Null as long as nothing was due.")


class MaintenancePlanSerializer(MaintenancePlanSummarySerializer):
    """A maintenance plan, what can be done with it now, its next dates, and how well it is kept."""

    allowed_actions = serializers.SerializerMethodField()
    next_dates = serializers.SerializerMethodField(help_text="The next five due times by the calendar.")
    compliance = serializers.SerializerMethodField()

    class Meta(MaintenancePlanSummarySerializer.Meta):
        fields = (*MaintenancePlanSummarySerializer.Meta.fields, "allowed_actions", "next_dates", "compliance")
        read_only_fields = fields

    def get_allowed_actions(self, plan: MaintenancePlan) -> list[str]:
        return plan.allowed_moves(timezone.now())

    @extend_schema_field(serializers.ListField(child=serializers.DateTimeField()))
    def get_next_dates(self, plan: MaintenancePlan) -> Any:
        return next_dates(plan)

    @extend_schema_field(ComplianceSerializer)
    def get_compliance(self, plan: MaintenancePlan) -> Any:
        return ComplianceSerializer(PlanOccurrence.objects.filter(plan=plan).compliance(at=timezone.now())).data


class PlanEditSerializer(Serializer):
    title = CleanCharField(max_length=200, required=False)
    description = OptionalTextField(max_length=LONGEST_TEXT)
    type = UpperChoiceField(choices=MaintenancePlan.Type.choices, required=False)
    priority = UpperChoiceField(choices=WorkOrder.Priority.choices, required=False)
    trigger = UpperChoiceField(choices=MaintenancePlan.Trigger.choices, required=False)
    schedule = UpperChoiceField(choices=MaintenancePlan.Schedule.choices, required=False)
    rule = OptionalTextField(max_length=200, help_text="An RFC 5545 rule: FREQ=MONTHLY;BYDAY=1MO.")
    start_date = serializers.DateField(required=False, allow_null=True, help_text="When it is due first.")
    due_time = serializers.TimeField(required=False, help_text="By the site's clock.")
    ends_on = serializers.DateField(required=False, allow_null=True)
    lead_days = serializers.IntegerField(required=False, min_value=0, max_value=365)
    tolerance_days = serializers.IntegerField(required=False, min_value=0, max_value=365)
    metric = MetricCodeField(required=False, allow_null=True)
    meter_interval = NumberField(required=False, allow_null=True)
    meter_base = NumberField(required=False, allow_null=True)
    estimated_minutes = MinutesField(required=False, min_value=1, max_value=LONGEST_JOB)
    checklist_id = VisibleKeyField(
        source="checklist", queryset=ChecklistTemplate.objects.all(), required=False, allow_null=True
    )
    assigned_to_id = VisibleKeyField(source="assigned_to", queryset=User.objects.all(), required=False, allow_null=True)
    assigned_team_id = VisibleKeyField(
        source="assigned_team", queryset=Team.objects.all(), required=False, allow_null=True
    )


class PlanCreateSerializer(PlanEditSerializer):
    equipment_id = VisibleKeyField(source="equipment", queryset=Equipment.objects.all())
    title = CleanCharField(max_length=200)


class PauseSerializer(ReasonSerializer):
    until = serializers.DateField(required=False, allow_null=True, help_text="Until it is resumed, if left out.")


class PlanBriefSerializer(ModelSerializer):
    """A plan as other records mention it."""

    equipment = EquipmentBriefSerializer(read_only=True)

    class Meta:
        model = MaintenancePlan
        fields = ("id", "title", "type", "equipment")
        read_only_fields = fields


class PlannedOrderBriefSerializer(ModelSerializer):
    """The order that a due time has."""

    class Meta:
        model = WorkOrder
        fields = ("id", "number", "status")
        read_only_fields = fields


class OccurrenceSerializer(serializers.Serializer[Any]):
    """One due time. EXPECTED ones lie ahead, if all goes as planned; a counter's are a forecast by its pace so far."""

    due_at = serializers.DateTimeField()
    date = serializers.DateField(source="day", help_text="In the site's time zone.")
    state = serializers.ChoiceField(choices=STATES)
    is_forecast = serializers.BooleanField()
    minutes = serializers.IntegerField(min_value=0, help_text="Of work; 0 for what was skipped or missed.")
    reason = OptionalTextField(help_text="Why it was skipped or missed.")
    work_order = PlannedOrderBriefSerializer(allow_null=True)


class HorizonSerializer(OccurrenceSerializer):
    """One due time of one plan."""

    plan = PlanBriefSerializer()


class WeekSerializer(serializers.Serializer[Any]):
    """The maintenance of one week."""

    starts_on = serializers.DateField(help_text="A Monday.")
    occurrences = serializers.IntegerField(min_value=0)
    minutes = serializers.IntegerField(min_value=0)


class PlanStatsSerializer(serializers.Serializer[Any]):
    """Plans in numbers, and how well they are kept."""

    plans = serializers.IntegerField(min_value=0)
    active = serializers.IntegerField(min_value=0)
    paused = serializers.IntegerField(min_value=0)
    overdue = serializers.IntegerField(min_value=0)
    by_meter = serializers.IntegerField(min_value=0)
    compliance = ComplianceSerializer()


class WindowSerializer(Serializer):
    """The parameters of the horizon."""

    location_id = VisibleKeyField(source="location", queryset=Location.objects.all(), required=False)

    def get_fields(self) -> dict[str, Any]:
        days = {"from": serializers.DateField(source="first"), "to": serializers.DateField(source="last")}
        return {**days, **super().get_fields()}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not timedelta(0) <= attrs["last"] - attrs["first"] <= LONGEST_WINDOW:
            raise serializers.ValidationError({"to": "Not before the first day, and at most 366 days after it."})
        return attrs
