"""Alerts as JSON, and the bodies of their moves."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from alerts.extensions import LoadedField, detail_fields
from alerts.fields import AllowedTransitionSerializer, OptionalChoiceField, OwnAttachmentsField
from alerts.lifecycle import AllowedTransition
from alerts.models import Alert
from alerts.models.escalation import latest
from alerts.serializers.escalation import EscalationSerializer
from alerts.serializers.timeline import LONGEST_TEXT, MoveSerializer, NoteSerializer
from equipment.models import Equipment
from equipment.serializers import EquipmentBriefSerializer, OptionalTextField, PersonBriefSerializer
from faultreporter.api.permissions import MANAGERS_AND_CONCERNED_TECHNICIANS
from faultreporter.api.serializers import CleanCharField, InstantField, ModelSerializer, Serializer, UpperChoiceField
from faultreporter.attachments.serializers import AttachmentSerializer
from locations.fields import VisibleKeyField
from locations.serializers import LocationBriefSerializer


class AlertSummarySerializer(ModelSerializer):
    """An alert in a list."""

    equipment_id = serializers.UUIDField(read_only=True)
    equipment = EquipmentBriefSerializer(read_only=True)
    location = LocationBriefSerializer(source="equipment.location", read_only=True, allow_null=True)
    description = OptionalTextField(read_only=True)
    reported_by = PersonBriefSerializer(read_only=True, allow_null=True)
    rule_id = serializers.UUIDField(read_only=True, allow_null=True)
    acknowledged_by = PersonBriefSerializer(read_only=True, allow_null=True)
    resolved_by = PersonBriefSerializer(read_only=True, allow_null=True)
    resolution = OptionalChoiceField(choices=Alert.Resolution.choices, read_only=True)
    resolution_note = OptionalTextField(read_only=True)
    duplicate_of_id = serializers.UUIDField(read_only=True, allow_null=True)
    storm_id = serializers.UUIDField(
        read_only=True,
        allow_null=True,
        help_text="The first of several alerts that came from one machine within minutes and speaks for all of them.",
    )
    is_firing = serializers.BooleanField(read_only=True, help_text="The rule behind it still sees its condition.")

    class Meta:
        model = Alert
        fields: tuple[str, ...] = (
            "id",
            "equipment_id",
            "equipment",
            "location",
            "source",
            "title",
            "description",
            "severity",
            "status",
            "occurred_at",
            "last_occurred_at",
            "occurrences",
            "equipment_down",
            "reported_by",
            "rule_id",
            "is_firing",
            "cleared_at",
            "acknowledged_at",
            "acknowledged_by",
            "silenced_until",
            "repaired_at",
            "resolved_at",
            "resolved_by",
            "resolution",
            "resolution_note",
            "duplicate_of_id",
            "storm_id",
            "created_at",
            "updated_at",
            "deleted_at",
        )
        read_only_fields: tuple[str, ...] = fields


class AlertSerializer(AlertSummarySerializer):
    """One alert, with its files and the moves that the caller may make now."""

    attachments = AttachmentSerializer(source="files", many=True, read_only=True)
    escalation = serializers.SerializerMethodField()
    allowed_transitions = serializers.SerializerMethodField()

    class Meta(AlertSummarySerializer.Meta):
        fields = (*AlertSummarySerializer.Meta.fields, "attachments", "escalation", "allowed_transitions")
        read_only_fields = fields

    def get_fields(self) -> dict[str, Any]:
        extensions = {name: LoadedField(shape, load) for name, (shape, load) in detail_fields.items()}
        return {**super().get_fields(), **extensions}

    @extend_schema_field(EscalationSerializer(allow_null=True))
    def get_escalation(self, alert: Alert) -> Any:
        escalation = latest(alert)
        return None if escalation is None else EscalationSerializer(escalation).data

    @extend_schema_field(AllowedTransitionSerializer(many=True))
    def get_allowed_transitions(self, alert: Alert) -> list[AllowedTransition]:
        permitted = MANAGERS_AND_CONCERNED_TECHNICIANS.admits_to(self.context["request"].user, alert)
        return alert.allowed_transitions() if permitted else []


class ReportSerializer(Serializer):
    """A fault somebody sees on a machine."""

    equipment_id = VisibleKeyField(source="equipment", queryset=Equipment.objects.all())
    title = CleanCharField(max_length=200)
    description = OptionalTextField(max_length=LONGEST_TEXT)
    severity = UpperChoiceField(choices=Alert.Severity.choices, required=False, help_text="MEDIUM if left out.")
    occurred_at = InstantField(
        required=False, help_text="At most 7 days ago, for reports made offline; now if left out."
    )
    equipment_down = serializers.BooleanField(
        required=False, help_text="Whether the machine can't run; true if left out of a CRITICAL report, else false."
    )
    attachment_ids = OwnAttachmentsField(source="attachments", required=False)
    analyze = serializers.BooleanField(required=False, help_text="Ask for an AI analysis.")


class AlertEditSerializer(Serializer):
    title = CleanCharField(max_length=200, required=False)
    description = OptionalTextField(max_length=LONGEST_TEXT)
    severity = UpperChoiceField(choices=Alert.Severity.choices, required=False)
    equipment_down = serializers.BooleanField(required=False)


class AcknowledgeSerializer(NoteSerializer):
    whole_storm = serializers.BooleanField(
        required=False, help_text="Also the other open alerts of its storm that you may acknowledge."
    )


class MergeSerializer(NoteSerializer):
    alert_ids = serializers.ListField(
        child=serializers.UUIDField(), min_length=1, max_length=20, help_text="The duplicates; this alert stays."
    )


class ResolveSerializer(NoteSerializer):
    resolution = UpperChoiceField(choices=Alert.Resolution.choices, required=False, help_text="FIXED if left out.")


class SilenceSerializer(MoveSerializer):
    until = InstantField(allow_null=True, help_text="Within 30 days; null ends a silence early.")


class UnresolvedByStatusSerializer(serializers.Serializer[Any]):
    def get_fields(self) -> dict[str, Any]:
        return {value: serializers.IntegerField() for value in ("OPEN", "ACKNOWLEDGED")}


class UnresolvedBySeveritySerializer(serializers.Serializer[Any]):
    def get_fields(self) -> dict[str, Any]:
        return {value: serializers.IntegerField() for value in Alert.Severity.values}


class AlertStatsSerializer(serializers.Serializer[Any]):
    """How many are open now, and how many came and went lately."""

    unresolved = serializers.IntegerField()
    by_status = UnresolvedByStatusSerializer()
    by_severity = UnresolvedBySeveritySerializer()
    raised_last_7_days = serializers.IntegerField()
    resolved_last_7_days = serializers.IntegerField()
