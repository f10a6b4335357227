from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from faultreporter.api.serializers import ModelSerializer, Serializer
from faultreporter.audit.models import AuditLog

CHANGES = {
    "type": "object",
    "additionalProperties": {"type": "array", "items": {}, "minItems": 2, "maxItems": 2},
    "description": "Column -> [old value, new value]. A secret is shown as `***`.",
}


@extend_schema_field(CHANGES)
class ChangesField(serializers.JSONField):
    pass


class AuditLogSerializer(ModelSerializer):
    actor_name = serializers.CharField(read_only=True, help_text="Empty for a device, the system and past people.")
    changes = ChangesField(read_only=True)
    seal_id = serializers.IntegerField(read_only=True, allow_null=True, help_text="Null until the entry is sealed.")

    class Meta:
        model = AuditLog
        fields = (
            "id",
            "occurred_at",
            "actor_id",
            "actor_name",
            "source",
            "request_id",
            "ip",
            "entity_type",
            "entity_id",
            "action",
            "changes",
            "seal_id",
        )
        read_only_fields = fields


class VerificationSerializer(Serializer):
    intact = serializers.BooleanField(read_only=True)
    seals = serializers.IntegerField(read_only=True, help_text="Seals that were checked and hold.")
    rows = serializers.IntegerField(read_only=True, help_text="Entries under those seals.")
    unsealed = serializers.IntegerField(read_only=True, help_text="Entries that are not sealed yet.")
    last_seal = serializers.CharField(read_only=True, help_text="The last seal that holds, as `id:digest`.")
    broken_seal = serializers.IntegerField(read_only=True, allow_null=True)
    finding = serializers.CharField(read_only=True, help_text="Why the broken seal doesn't hold; empty when all do.")
    next_after = serializers.IntegerField(
        read_only=True,
        allow_null=True,
        help_text="Time was up: ask again with `after` set to this. Null when everything was checked.",
    )
