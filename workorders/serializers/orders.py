"""Work orders as JSON, and the bodies of their moves."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from alerts.fields import AllowedTransitionSerializer, OwnAttachmentsField
from alerts.lifecycle import AllowedTransition
from alerts.models import Alert
from alerts.serializers import LONGEST_TEXT, MoveSerializer, ReasonSerializer
from equipment.models import Equipment, FailureMode, Team
from equipment.serializers import (
    CodeBriefSerializer,
    EquipmentBriefSerializer,
    OptionalTextField,
    PersonBriefSerializer,
    TeamBriefSerializer,
)
from faultreporter.accounts.models import User
from faultreporter.api.permissions import MANAGERS, MANAGERS_AND_CONCERNED_TECHNICIANS
from faultreporter.api.serializers import CleanCharField, InstantField, ModelSerializer, Serializer, UpperChoiceField
from locations.fields import VisibleKeyField
from locations.serializers import LocationBriefSerializer
from workorders.models import WorkOrder
from workorders.models.planning import LONGEST_JOB
from workorders.serializers.clocks import ClockStateField, SlaSerializer, sla_of
from workorders.serializers.fields import MinutesField, MoneyField
from workorders.serializers.files import WorkOrderFileSerializer
from workorders.serializers.findings import DowntimeSerializer

COSTS = ("labour_cost", "parts_cost", "other_cost", "total_cost")


class FailureModeBriefSerializer(ModelSerializer):
    class Meta:
        model = FailureMode
        fields = ("id", "code", "name")
        read_only_fields = fields


class AlertBriefSerializer(ModelSerializer):
    """An alert as other records mention it."""

    class Meta:
        model = Alert
        fields = ("id", "title", "severity", "status")
        read_only_fields = fields


class WorkOrderBriefSerializer(ModelSerializer):
    """A work order as other records mention it."""

    assigned_to = PersonBriefSerializer(read_only=True, allow_null=True)

    class Meta:
        model = WorkOrder
        fields = ("id", "number", "title", "status", "priority", "assigned_to")
        read_only_fields = fields


class TaskProgressSerializer(serializers.Serializer[Any]):
    """How many tasks there are, how many are over (done or skipped), and how many of those failed."""

    total = serializers.IntegerField()
    done = serializers.IntegerField()
    failed = serializers.IntegerField()


class WorkOrderSummarySerializer(ModelSerializer):
    """A work order in a list. Costs are null for everybody but managers and administrators."""

    equipment_id = serializers.UUIDField(read_only=True)
    equipment = EquipmentBriefSerializer(read_only=True)
    location = LocationBriefSerializer(source="equipment.location", read_only=True, allow_null=True)
    alert_id = serializers.UUIDField(read_only=True, allow_null=True)
    description = OptionalTextField(read_only=True)
    is_overdue = serializers.SerializerMethodField()
    sla_state = ClockStateField(allow_null=True)
    assigned_to = PersonBriefSerializer(read_only=True, allow_null=True)
    assigned_team = TeamBriefSerializer(read_only=True, allow_null=True)
    created_by = PersonBriefSerializer(read_only=True, allow_null=True)
    completed_by = PersonBriefSerializer(read_only=True, allow_null=True)
    hold_reason = OptionalTextField(read_only=True)
    cancel_reason = OptionalTextField(read_only=True)
    resolution = OptionalTextField(read_only=True)
    failure_mode = FailureModeBriefSerializer(read_only=True, allow_null=True)
    failure_mechanism = CodeBriefSerializer(read_only=True, allow_null=True)
    failure_cause = CodeBriefSerializer(read_only=True, allow_null=True)
    remedy_action = CodeBriefSerializer(read_only=True, allow_null=True)
    cause = OptionalTextField(read_only=True)
    remedy = OptionalTextField(read_only=True)
    total_cost = MoneyField(read_only=True)
    task_progress = TaskProgressSerializer(source="progress", read_only=True)

    class Meta:
        model = WorkOrder
        fields: tuple[str, ...] = (
            "id",
            "number",
            "equipment_id",
            "equipment",
            "location",
            "alert_id",
            "type",
            "priority",
            "status",
            "title",
            "description",
            "due_at",
            "is_overdue",
            "response_due_at",
            "restore_due_at",
            "sla_state",
            "planned_date",
            "planned_start_at",
            "estimated_minutes",
            "assigned_to",
            "assigned_team",
            "assigned_at",
            "started_at",
            "hold_reason",
            "completed_at",
            "completed_by",
            "closed_at",
            "cancelled_at",
            "cancel_reason",
            "resolution",
            "failure_mode",
            "failure_mechanism",
            "failure_cause",
            "remedy_action",
            "no_failure_found",
            "cause",
            "remedy",
            "labour_minutes",
            "labour_cost",
            "parts_cost",
            "other_cost",
            "total_cost",
            "currency",
            "task_progress",
            "created_by",
            "created_at",
            "updated_at",
            "deleted_at",
        )
        read_only_fields: tuple[str, ...] = fields

    def get_is_overdue(self, order: WorkOrder) -> bool:
        return order.is_overdue(timezone.now())

    def to_representation(self, instance: WorkOrder) -> dict[str, Any]:
        data: dict[str, Any] = super().to_representation(instance)
        if self.context["request"].user.role not in MANAGERS.roles:
            data.update(dict.fromkeys(COSTS))
        return data


class WorkOrderSerializer(WorkOrderSummarySerializer):
    """One work order, with its clocks, its alert, its files and the moves that the caller may make now."""

    sla = serializers.SerializerMethodField()

    alert = AlertBriefSerializer(read_only=True, allow_null=True)
    attachments = WorkOrderFileSerializer(source="files", many=True, read_only=True)
    downtime = DowntimeSerializer(read_only=True, allow_null=True)
    allowed_transitions = serializers.SerializerMethodField()

    class Meta(WorkOrderSummarySerializer.Meta):
        fields = (
            *WorkOrderSummarySerializer.Meta.fields,
            "sla",
            "alert",
            "downtime",
            "attachments",
            "allowed_transitions",
        )
        read_only_fields = fields

    @extend_schema_field(SlaSerializer(allow_null=True))
    def get_sla(self, order: WorkOrder) -> Any:
        return sla_of(order, at=timezone.now())

    @extend_schema_field(AllowedTransitionSerializer(many=True))
    def get_allowed_transitions(self, order: WorkOrder) -> list[AllowedTransition]:
        user = self.context["request"].user
        if not MANAGERS_AND_CONCERNED_TECHNICIANS.admits_to(user, order):
            return []
        moves = order.allowed_transitions()
        return [move for move in moves if move["action"] != "close" or user.role in MANAGERS.roles]


class RaiseWorkOrderSerializer(Serializer):
    """An order for an alert; what is left out comes from the alert."""

    title = CleanCharField(max_length=200, required=False)
    description = OptionalTextField(max_length=LONGEST_TEXT)
    type = UpperChoiceField(choices=WorkOrder.Type.choices, required=False)
    priority = UpperChoiceField(choices=WorkOrder.Priority.choices, required=False)
    due_at = InstantField(required=False, allow_null=True)


class WorkOrderCreateSerializer(RaiseWorkOrderSerializer):
    equipment_id = VisibleKeyField(source="equipment", queryset=Equipment.objects.select_related("location__site"))
    title = CleanCharField(max_length=200)
    attachment_ids = OwnAttachmentsField(source="attachments", required=False)


class WorkOrderEditSerializer(RaiseWorkOrderSerializer):
    estimated_minutes = MinutesField(required=False, min_value=1, max_value=LONGEST_JOB)
    labour_minutes = MinutesField(required=False)
    labour_cost = MoneyField(required=False)
    parts_cost = MoneyField(required=False)
    other_cost = MoneyField(required=False)


class AssignSerializer(MoveSerializer):
    """A person or a team: one of the two."""

    user_id = VisibleKeyField(source="to", queryset=User.objects.all(), required=False)
    team_id = VisibleKeyField(
        source="team", queryset=Team.objects.all(), required=False,
        help_text="A crew: whoever of them starts the job does it.",
    )  # fmt: skip


class StartSerializer(MoveSerializer):
    equipment_down = serializers.BooleanField(
        required=False, help_text="Whether the machine stands still; true for corrective and preventive work."
    )
    downtime_reason = CleanCharField(required=False, max_length=2000, help_text="Why it stands, for the status log.")


class ReopenWorkOrderSerializer(ReasonSerializer):
    equipment_down = serializers.BooleanField(
        required=False, help_text="Whether the machine stands still again; as before if left out."
    )


class UnfinishedByStatusSerializer(serializers.Serializer[Any]):
    def get_fields(self) -> dict[str, Any]:
        return {value: serializers.IntegerField() for value in ("OPEN", "ASSIGNED", "IN_PROGRESS", "ON_HOLD")}


class UnfinishedByPrioritySerializer(serializers.Serializer[Any]):
    def get_fields(self) -> dict[str, Any]:
        return {value: serializers.IntegerField() for value in WorkOrder.Priority.values}


class WorkOrderStatsSerializer(serializers.Serializer[Any]):
    """How much there is to do, and how much was done lately."""

    unfinished = serializers.IntegerField()
    overdue = serializers.IntegerField()
    by_status = UnfinishedByStatusSerializer()
    by_priority = UnfinishedByPrioritySerializer()
    raised_last_7_days = serializers.IntegerField()
    completed_last_7_days = serializers.IntegerField()
