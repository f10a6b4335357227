from typing import Any

from rest_framework import serializers

from equipment.models import Category, FailureCause, FailureMechanism, FailureMode, Remedy
from faultreporter.api.serializers import CleanCharField, ModelSerializer
from locations.fields import VisibleKeyField


class CategorySerializer(ModelSerializer):
    class Meta:
        model = Category
        fields = ("id", "code", "name", "description", "created_at", "updated_at", "deleted_at")
        read_only_fields = ("id", "created_at", "updated_at", "deleted_at")


class FailureModeSerializer(ModelSerializer):
    category_id = VisibleKeyField(source="category", queryset=Category.objects.all(), allow_null=True, required=False)
    keywords = serializers.ListField(child=CleanCharField(max_length=50), max_length=100, required=False)
    typical_causes = serializers.ListField(child=CleanCharField(max_length=200), max_length=50, required=False)

    class Meta:
        model = FailureMode
        fields = (
            "id",
            "category_id",
            "code",
            "name",
            "description",
            "mechanism",
            "keywords",
            "typical_causes",
            "remedy",
            "created_at",
            "updated_at",
            "deleted_at",
        )
        read_only_fields = ("id", "created_at", "updated_at", "deleted_at")


CODE = ("id", "code", "name", "description", "active", "created_at", "updated_at", "deleted_at")
GIVEN = ("id", "created_at", "updated_at", "deleted_at")


class FailureMechanismSerializer(ModelSerializer):
    class Meta:
        model = FailureMechanism
        fields = (*CODE, "group")
        read_only_fields = GIVEN


class FailureCauseSerializer(ModelSerializer):
    class Meta:
        model = FailureCause
        fields = (*CODE, "group")
        read_only_fields = GIVEN


class RemedySerializer(ModelSerializer):
    class Meta:
        model = Remedy
        fields = CODE
        read_only_fields = GIVEN


class CodeBriefSerializer(serializers.Serializer[Any]):
    """An entry of a catalogue as other records mention it."""

    id = serializers.UUIDField(read_only=True)
    code = serializers.CharField(read_only=True)
    name = serializers.CharField(read_only=True)


class ChoiceSerializer(CodeBriefSerializer):
    """An entry to choose."""

    description = serializers.CharField(read_only=True)


class GroupedChoiceSerializer(ChoiceSerializer):
    group = serializers.CharField(read_only=True)


class FailureCatalogueSerializer(serializers.Serializer[Any]):
    """Everything a finding on one machine can be coded with."""

    failure_modes = ChoiceSerializer(many=True)
    mechanisms = GroupedChoiceSerializer(many=True)
    causes = GroupedChoiceSerializer(many=True)
    remedies = ChoiceSerializer(many=True)
