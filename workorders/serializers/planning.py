"""Planned days, workload, the calendar and suggestions as JSON."""

from typing import Any

from django.utils import timezone
from rest_framework import serializers

from alerts.serializers import MoveSerializer
from equipment.models import Team
from equipment.serializers import EquipmentBriefSerializer, PersonBriefSerializer, TeamBriefSerializer
from faultreporter.accounts.models import User
from faultreporter.api.serializers import ModelSerializer, Serializer
from locations.fields import VisibleKeyField
from locations.models import Location
from locations.serializers import LocationBriefSerializer
from workorders.models import WorkOrder
from workorders.models.planning import LONGEST_JOB
from workorders.serializers.fields import MinutesField


class ScheduleSerializer(MoveSerializer):
    """The day the job is planned for, in the site's time zone; null takes it off the calendar."""

    planned_date = serializers.DateField(source="day", allow_null=True)
    start_time = serializers.TimeField(
        source="start", required=False, allow_null=True,
        help_text="The hour in the site's time zone, as 08:30; if left out, the hour it had.",
    )  # fmt: skip
    estimated_minutes = MinutesField(source="minutes", required=False, min_value=1, max_value=LONGEST_JOB)


class SpanSerializer(Serializer):
    """The parameters of the calendar and the workload. `from` is no name in Python, hence the field's source."""

    location_id = VisibleKeyField(source="location", queryset=Location.objects.all(), required=False)
    team_id = VisibleKeyField(source="team", queryset=Team.objects.all(), required=False)
    user_id = VisibleKeyField(source="user", queryset=User.objects.all(), required=False)

    def get_fields(self) -> dict[str, Any]:
        return {**span_fields(), **super().get_fields()}


class PlannedOrderSerializer(ModelSerializer):
    """A work order in a plan."""

    equipment = EquipmentBriefSerializer(read_only=True)
    location = LocationBriefSerializer(source="equipment.location", read_only=True, allow_null=True)
    assigned_to = PersonBriefSerializer(read_only=True, allow_null=True)
    assigned_team = TeamBriefSerializer(read_only=True, allow_null=True)
    is_overdue = serializers.SerializerMethodField()

    class Meta:
        model = WorkOrder
        fields = (
            "id", "number", "title", "type", "priority", "status", "equipment", "location", "assigned_to",
            "assigned_team", "planned_date", "planned_start_at", "estimated_minutes", "due_at", "is_overdue",
        )  # fmt: skip
        read_only_fields = fields

    def get_is_overdue(self, order: WorkOrder) -> bool:
        return order.is_overdue(timezone.now())


class DayLoadSerializer(serializers.Serializer[Any]):
    date = serializers.DateField()
    orders = serializers.IntegerField()
    planned_minutes = serializers.IntegerField(help_text="An hour is counted for an order nobody estimated.")
    capacity_minutes = serializers.IntegerField(help_text="The site's business hours, at most eight; 0 on holidays.")
    overloaded = serializers.BooleanField()


class PersonLoadSerializer(serializers.Serializer[Any]):
    user = PersonBriefSerializer()
    orders = serializers.IntegerField()
    planned_minutes = serializers.IntegerField()
    capacity_minutes = serializers.IntegerField()
    days = DayLoadSerializer(many=True)


class UnassignedDaySerializer(serializers.Serializer[Any]):
    date = serializers.DateField()
    orders = serializers.IntegerField()
    planned_minutes = serializers.IntegerField()


class WorkloadSerializer(serializers.Serializer[Any]):
    """Who has how much to do on which day. `unplanned` and `overdue` show the first fifty of their count."""

    people = PersonLoadSerializer(many=True)
    unassigned = UnassignedDaySerializer(source="unassigned.days", many=True, help_text="Planned, but nobody's yet.")
    unplanned_count = serializers.IntegerField()
    unplanned = PlannedOrderSerializer(many=True)
    overdue_count = serializers.IntegerField()
    overdue = PlannedOrderSerializer(many=True)

    def get_fields(self) -> dict[str, Any]:
        return {**span_fields(), **super().get_fields()}


class CalendarEntrySerializer(serializers.Serializer[Any]):
    date = serializers.DateField(help_text="In the site's time zone.")
    kind = serializers.ChoiceField(
        choices=("PLANNED", "DUE"), help_text="PLANNED for this day, or DUE on it and not planned yet."
    )
    work_order = PlannedOrderSerializer(source="order")


class ExpectedSerializer(serializers.Serializer[Any]):
    """A due time of a maintenance plan that no order was made for yet; `is_forecast` where a counter decides."""

    date = serializers.DateField(source="day", help_text="In the site's time zone.")
    due_at = serializers.DateTimeField()
    plan_id = serializers.UUIDField(source="plan.pk")
    title = serializers.CharField(source="plan.title")
    equipment = EquipmentBriefSerializer(source="plan.equipment")
    estimated_minutes = serializers.IntegerField(source="minutes")
    is_forecast = serializers.BooleanField()


class CalendarSerializer(serializers.Serializer[Any]):
    """The days' orders by day, hour and urgency. `truncated`: there are more than fit; ask for fewer days."""

    entries = CalendarEntrySerializer(many=True)
    expected = ExpectedSerializer(many=True)
    truncated = serializers.BooleanField()

    def get_fields(self) -> dict[str, Any]:
        return {**span_fields(), **super().get_fields()}


def span_fields() -> dict[str, Any]:
    return {"from": serializers.DateField(source="first"), "to": serializers.DateField(source="last")}


class ReasonForSerializer(serializers.Serializer[Any]):
    """One part of a score, in points and words."""

    code = serializers.ChoiceField(choices=("CARETAKER", "SKILLS", "LOAD", "BUILDING", "EXPERIENCE"))
    points = serializers.IntegerField()
    text = serializers.CharField()


class CandidateSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField(source="user_id")
    display_name = serializers.CharField(source="name")


class SuggestionSerializer(serializers.Serializer[Any]):
    user = CandidateSerializer(source="candidate")
    score = serializers.IntegerField(min_value=0, max_value=100)
    reasons = ReasonForSerializer(many=True)


class SuggestionsSerializer(serializers.Serializer[Any]):
    """Who should do the job, best first."""

    suggestions = SuggestionSerializer(many=True)
