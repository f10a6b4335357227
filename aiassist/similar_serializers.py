"""Past faults like an alert, as JSON."""

from typing import Any

from rest_framework import serializers

from aiassist.similar import SAID
from alerts.models import Alert


class SimilarReasonSerializer(serializers.Serializer[Any]):
    """One part of the score, in points and words."""

    code = serializers.ChoiceField(choices=tuple(SAID))
    points = serializers.IntegerField()
    text = serializers.CharField()


class PastMachineSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField(source="equipment_id")
    equipment_code = serializers.CharField()
    equipment_name = serializers.CharField()


class PastModeSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    name = serializers.CharField()


class PastOrderSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    number = serializers.CharField()
    link = serializers.CharField(help_text="Where to read the order.")


class PastFaultSerializer(serializers.Serializer[Any]):
    """What happened then and what was found; the findings are null where no order mended it."""

    alert_id = serializers.UUIDField(allow_null=True, help_text="Null for a repair that nobody had reported.")
    title = serializers.CharField()
    severity = serializers.ChoiceField(choices=Alert.Severity.choices)
    resolution = serializers.ChoiceField(choices=Alert.Resolution.choices)
    ended_at = serializers.DateTimeField(source="at")
    equipment = PastMachineSerializer(source="*")
    failure_mode = PastModeSerializer(allow_null=True)
    cause = serializers.CharField(allow_null=True)
    remedy = serializers.CharField(allow_null=True)
    what_was_done = serializers.CharField(source="done", allow_null=True)
    labour_hours = serializers.FloatField(allow_null=True)
    downtime_hours = serializers.FloatField(allow_null=True, help_text="Null if the machine went on running.")
    work_order = PastOrderSerializer(allow_null=True)


class SimilarFaultSerializer(serializers.Serializer[Any]):
    """A past fault, how similar it is, and why."""

    score = serializers.IntegerField(min_value=0, max_value=100)
    reasons = SimilarReasonSerializer(many=True)
    fault = PastFaultSerializer()
