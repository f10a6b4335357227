"""Promises and their clocks as JSON."""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Prefetch, prefetch_related_objects
from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from alerts.serializers import ReasonSerializer
from faultreporter.api.serializers import CleanCharField, ModelSerializer
from locations.fields import VisibleKeyField
from locations.models import Location
from workorders.models import HoldReason, SlaPolicy, WorkOrder, WorkOrderPause
from workorders.sla import STATES, ClockKind, ClockState

# Of an order's two clocks, the one that needs more attention speaks for it.
BY_URGENCY = (ClockState.BREACHED, ClockState.AT_RISK, ClockState.PAUSED, ClockState.RUNNING, ClockState.MET)


def state_of_order(order: WorkOrder, *, at: datetime) -> ClockState | None:
    states = {order.clock_state(kind, at=at) for kind in ClockKind}
    return next((state for state in BY_URGENCY if state in states), None)


@extend_schema_field(serializers.ChoiceField(choices=STATES, allow_null=True))
class ClockStateField(serializers.Field[Any, Any, Any, Any]):
    """The state of whichever clock needs more attention; null where nothing is promised."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "source": "*", "read_only": True})

    def to_representation(self, value: WorkOrder) -> str | None:
        return state_of_order(value, at=timezone.now())


class ClockSerializer(serializers.Serializer[Any]):
    """One clock. `due_at` is null while it is paused; after a breach it is the instant of the breach."""

    state = serializers.ChoiceField(choices=STATES)
    target_minutes = serializers.IntegerField()
    elapsed_minutes = serializers.IntegerField(help_text="Counted so far, whole minutes; pauses left out.")
    remaining_minutes = serializers.IntegerField()
    due_at = serializers.DateTimeField(allow_null=True)
    at_risk_at = serializers.DateTimeField(allow_null=True, help_text="When people are told that time runs short.")
    met_at = serializers.DateTimeField(allow_null=True, help_text="When it was stopped, in time or not.")
    breached_at = serializers.DateTimeField(allow_null=True)


class PauseSerializer(serializers.Serializer[Any]):
    started_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)
    reason_code = serializers.CharField(
        source="reason.code", default=None, allow_null=True, help_text="Null: it was completed then, and reopened."
    )


class SlaSerializer(serializers.Serializer[Any]):
    """What was promised when the order was raised, and how that stands."""

    counting = serializers.ChoiceField(choices=SlaPolicy.Counting.choices)
    time_zone = serializers.CharField(allow_null=True, help_text="Whose clock the business hours are on.")
    response = ClockSerializer(allow_null=True)
    restore = ClockSerializer(allow_null=True)
    pauses = PauseSerializer(many=True)


def sla_of(order: WorkOrder, *, at: datetime) -> Any:
    terms = order.terms
    if terms is None:
        return None
    if order.started_at:  # only work that has begun waits
        prefetch_related_objects([order], Prefetch("pauses", WorkOrderPause.objects.select_related("reason")))
    counting = SlaPolicy.Counting.BUSINESS_HOURS if terms.in_business_hours else SlaPolicy.Counting.AROUND_THE_CLOCK
    said = {
        "counting": counting,
        "time_zone": terms.hours.zone.key if terms.in_business_hours else None,
        "pauses": order.pauses.all() if order.started_at else [],
        **{kind.lower(): clock_of(order, kind, at=at) for kind in ClockKind},
    }
    return SlaSerializer(said).data


def clock_of(order: WorkOrder, kind: ClockKind, *, at: datetime) -> dict[str, Any] | None:
    clock, facts = order.clock(kind), order.facts(kind)
    if clock is None:
        return None
    until = facts.stopped_at or at
    return {
        "state": order.clock_state(kind, at=at),
        "target_minutes": minutes(clock.target),
        "elapsed_minutes": minutes(clock.elapsed(until)),
        "remaining_minutes": minutes(clock.remaining(until)),
        "due_at": facts.due_at,
        "at_risk_at": facts.warn_at,
        "met_at": facts.stopped_at,
        "breached_at": facts.breached_at,
    }


def minutes(span: timedelta) -> int:
    return span // timedelta(minutes=1)


class HoldSerializer(ReasonSerializer):
    reason_code = CleanCharField(
        max_length=30, required=False, allow_null=True,
        help_text="A code of /hold-reasons: whether the restore clock stands still meanwhile. Without one it runs on.",
    )  # fmt: skip


class SlaPolicySerializer(ModelSerializer):
    site_id = VisibleKeyField(
        source="site", queryset=Location.objects.all(), allow_null=True, required=False,
        help_text="Null: every site without a policy of its own for this priority.",
    )  # fmt: skip

    class Meta:
        model = SlaPolicy
        fields = (
            "id",
            "site_id",
            "priority",
            "response_minutes",
            "restore_minutes",
            "counting",
            "warn_percent",
            "created_at",
            "updated_at",
            "deleted_at",
        )
        read_only_fields = ("id", "created_at", "updated_at", "deleted_at")


class HoldReasonSerializer(ModelSerializer):
    class Meta:
        model = HoldReason
        fields = ("id", "code", "name", "pauses_sla", "is_active", "created_at", "updated_at", "deleted_at")
        read_only_fields = ("id", "created_at", "updated_at", "deleted_at")


class AttainedSerializer(serializers.Serializer[Any]):
    met = serializers.IntegerField()
    breached = serializers.IntegerField()
    running = serializers.IntegerField()
    attainment = serializers.FloatField(allow_null=True, help_text="Met of those decided, 0 to 1.")


class PriorityAttainmentSerializer(serializers.Serializer[Any]):
    priority = serializers.ChoiceField(choices=SlaPolicy.Priority.choices)
    response = AttainedSerializer()
    restore = AttainedSerializer()


class SlaStatsSerializer(serializers.Serializer[Any]):
    """Of the orders raised in the time asked for; cancelled ones don't count."""

    as_of = serializers.DateTimeField()
    priorities = PriorityAttainmentSerializer(many=True)
