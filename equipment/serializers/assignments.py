from typing import Any

from rest_framework import serializers

from equipment.models import Equipment, UserEquipmentAssignment
from equipment.serializers.equipment import EquipmentBriefSerializer
from faultreporter.accounts.models import User
from faultreporter.api.serializers import InstantField, ModelSerializer, Serializer, UpperChoiceField
from locations.fields import VisibleKeyField


class PersonBriefSerializer(ModelSerializer):
    class Meta:
        model = User
        fields = ("id", "display_name")
        read_only_fields = fields


class AssignmentSerializer(ModelSerializer):
    user_id = VisibleKeyField(source="user", queryset=User.objects.all())
    equipment_id = VisibleKeyField(source="equipment", queryset=Equipment.objects.all())
    user = PersonBriefSerializer(read_only=True)
    equipment = EquipmentBriefSerializer(read_only=True)

    class Meta:
        model = UserEquipmentAssignment
        fields = (
            "id",
            "user_id",
            "user",
            "equipment_id",
            "equipment",
            "role",
            "starts_at",
            "ends_at",
            "created_at",
            "updated_at",
            "deleted_at",
        )
        read_only_fields = ("id", "created_at", "updated_at", "deleted_at")


class BulkAssignmentSerializer(Serializer):
    """One person, many machines."""

    user_id = VisibleKeyField(source="user", queryset=User.objects.all())
    equipment_ids = serializers.ListField(child=serializers.UUIDField(), min_length=1, max_length=500)
    role = UpperChoiceField(choices=UserEquipmentAssignment.Role.choices, default=UserEquipmentAssignment.Role.PRIMARY)
    starts_at = InstantField(required=False)
    ends_at = InstantField(required=False, allow_null=True, default=None)


class BulkAssignmentResultSerializer(serializers.Serializer[Any]):
    created = serializers.IntegerField(help_text="New assignments.")
    unchanged = serializers.IntegerField(help_text="Machines the person was assigned to already.")
