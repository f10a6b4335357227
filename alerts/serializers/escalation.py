"""Escalation policies, where an alert stands on its ladder, and what a policy would do, as JSON."""

from itertools import islice
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from alerts import ladder
from alerts.fields import OptionalChoiceField
from alerts.ladder import StepKind
from alerts.models import Alert, AlertEscalation, EscalationPolicy
from alerts.models.record import AlertRecord
from equipment.serializers import PersonBriefSerializer
from faultreporter.accounts.models import User
from faultreporter.api.serializers import CleanCharField, ModelSerializer, Serializer, UpperChoiceField
from locations.fields import VisibleKeyField
from locations.models import Location
from locations.serializers import LocationBriefSerializer

MOST_PLANNED = 20


class AnyChoiceField(OptionalChoiceField):
    """An enumeration in which null means any of them; empty in the database."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"required": False, **kwargs})

    def run_validation(self, data: Any = serializers.empty) -> Any:
        value = super().run_validation(data)
        return "" if value is None else value


class EscalationStepSerializer(Serializer):
    """One step. WAIT needs `minutes`, NOTIFY_PERSON `person_id`, NOTIFY_ROLE `role`, REPEAT `times`."""

    kind = UpperChoiceField(choices=StepKind.choices)
    minutes = serializers.IntegerField(min_value=1, max_value=ladder.LONGEST_WAIT, required=False, allow_null=True)
    person_id = VisibleKeyField(source="person", queryset=User.objects.all(), required=False, allow_null=True)
    person = PersonBriefSerializer(read_only=True, allow_null=True)
    role = AnyChoiceField(choices=ladder.ROLES)
    severity = AnyChoiceField(choices=AlertRecord.Severity.choices, help_text="Of RAISE_SEVERITY; null: one level.")
    times = serializers.IntegerField(min_value=1, max_value=ladder.MOST_REPEATS, required=False, allow_null=True)


class EscalationPolicySerializer(ModelSerializer):
    """A policy with its steps; `steps` replaces the whole list."""

    name = CleanCharField(max_length=120)
    site_id = VisibleKeyField(source="site", queryset=Location.objects.sites(), required=False, allow_null=True)
    site = LocationBriefSerializer(read_only=True, allow_null=True)
    source = AnyChoiceField(  # type: ignore[assignment]  # DRF takes fields off the class
        choices=Alert.Source.choices, help_text="Null: however the alert came about."
    )
    remind_after_minutes = serializers.IntegerField(
        min_value=5, max_value=ladder.LONGEST_WAIT, required=False, allow_null=True,
        help_text="Reminds whoever acknowledged, while no work order follows. Null: never.",
    )  # fmt: skip
    reminders = serializers.IntegerField(min_value=1, max_value=10, required=False)
    steps: Any = EscalationStepSerializer(many=True)
    warnings = serializers.SerializerMethodField(help_text="What is allowed and yet probably not meant, in words.")

    class Meta:
        model = EscalationPolicy
        fields = (
            "id",
            "name",
            "is_active",
            "site_id",
            "site",
            "source",
            "minimum_severity",
            "remind_after_minutes",
            "reminders",
            "steps",
            "version",
            "warnings",
            "created_at",
            "updated_at",
            "deleted_at",
        )
        read_only_fields = ("id", "version", "created_at", "updated_at", "deleted_at")

    def get_warnings(self, policy: EscalationPolicy) -> list[str]:
        return policy.warnings()


class PlannedStepSerializer(serializers.Serializer[Any]):
    """A step that comes if nobody moves."""

    at = serializers.DateTimeField()
    round = serializers.IntegerField()
    step = serializers.IntegerField()
    text = serializers.CharField(source="words")


class PreviewStepSerializer(PlannedStepSerializer):
    """And whom it would reach, as people and sites are now."""

    people = PersonBriefSerializer(many=True)


class DonePersonSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()


class DoneStepSerializer(serializers.Serializer[Any]):
    """What the escalation did; `people` are those it told."""

    at = serializers.DateTimeField()
    text = serializers.CharField(source="note")
    people = serializers.SerializerMethodField()

    @extend_schema_field(DonePersonSerializer(many=True))
    def get_people(self, line: dict[str, Any]) -> list[dict[str, str]]:
        people: list[dict[str, str]] = line["data"].get("people", [])
        return people


class UsedPolicySerializer(serializers.Serializer[Any]):
    """The policy as it was when the escalation began."""

    id = serializers.UUIDField(source="policy_id")
    name = serializers.CharField(source="policy_name")
    version = serializers.IntegerField(source="policy_version")


class EscalationSerializer(serializers.Serializer[AlertEscalation]):
    """Where an alert stands: what was done, what comes next and when."""

    policy = UsedPolicySerializer(source="*")
    state = UpperChoiceField(choices=AlertEscalation.State.choices)
    stop_reason = OptionalChoiceField(choices=AlertEscalation.StopReason.choices)
    round = serializers.IntegerField()
    step = serializers.IntegerField(help_text="The index of the next step, waits not counted.")
    next_at = serializers.DateTimeField(allow_null=True, help_text="When the next step, or the next reminder, is due.")
    is_held = serializers.BooleanField(
        help_text="The rule's condition has cleared, so nobody else is told; once it is back, the wait goes on."
    )
    reminded = serializers.IntegerField(help_text="Reminders since the acknowledgement.")
    started_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)
    notified = DoneStepSerializer(source="history", many=True)
    planned = serializers.SerializerMethodField(help_text="What comes if nobody moves, the next twenty steps.")

    @extend_schema_field(PlannedStepSerializer(many=True))
    def get_planned(self, escalation: AlertEscalation) -> Any:
        return PlannedStepSerializer(islice(escalation.planned(), MOST_PLANNED), many=True).data
