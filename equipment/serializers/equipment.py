"""Machines, their places and their state, as JSON."""

from typing import Any

from drf_spectacular.drainage import set_override
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from equipment import labels
from equipment.extensions import DetailField, detail_fields
from equipment.models import Category, Equipment, Move, StatusInterval
from equipment.models.equipment import Place
from equipment.serializers.fields import ObjectField, OccurredAtField, OptionalTextField
from faultreporter.api.serializers import CleanCharField, ModelSerializer, Serializer, UpperChoiceField
from locations.fields import VisibleKeyField
from locations.models import Location
from locations.serializers import LocationBriefSerializer


class CategoryBriefSerializer(ModelSerializer):
    class Meta:
        model = Category
        fields = ("id", "code", "name")
        read_only_fields = fields


class EquipmentBriefSerializer(ModelSerializer):
    """A machine as other records mention it."""

    location_id = serializers.UUIDField(read_only=True, allow_null=True)

    class Meta:
        model = Equipment
        fields = ("id", "equipment_code", "equipment_name", "status", "criticality", "location_id")
        read_only_fields = fields


class EquipmentSerializer(ModelSerializer):
    description = OptionalTextField()
    asset_number = OptionalTextField(max_length=100)
    manufacturer = OptionalTextField(max_length=200)
    model = OptionalTextField(max_length=200)
    serial_number = OptionalTextField(max_length=200)
    status = UpperChoiceField(choices=Equipment.Status.choices, required=False)
    location_id = VisibleKeyField(source="location", queryset=Location.objects.all(), allow_null=True, required=False)
    category_id = VisibleKeyField(source="category", queryset=Category.objects.all(), allow_null=True, required=False)
    parent_id = VisibleKeyField(source="parent", queryset=Equipment.objects.all(), allow_null=True, required=False)
    metadata = ObjectField(required=False)

    class Meta:
        model = Equipment
        fields: tuple[str, ...] = (
            "id",
            "equipment_code",
            "equipment_name",
            "description",
            "status",
            "location_id",
            "category_id",
            "parent_id",
            "criticality",
            "asset_number",
            "manufacturer",
            "model",
            "serial_number",
            "metadata",
            "installed_date",
            "warranty_end_date",
            "retired_date",
            "plan_x",
            "plan_y",
            "created_by",
            "created_at",
            "updated_at",
            "deleted_at",
        )
        read_only_fields: tuple[str, ...] = ("id", "created_by", "created_at", "updated_at", "deleted_at")
        expandable = {"location": LocationBriefSerializer, "category": CategoryBriefSerializer}


class LoadedField(serializers.Field[Any, Any, Any, Any]):
    """What an app above knows of a machine."""

    def __init__(self, extension: DetailField) -> None:
        super().__init__(source="*", read_only=True)
        self.extension = extension
        set_override(self, "field", extension.field)

    def to_representation(self, value: Equipment) -> Any:
        return self.extension.load(value)


class EquipmentDetailSerializer(EquipmentSerializer):
    location = LocationBriefSerializer(read_only=True, allow_null=True)
    category = CategoryBriefSerializer(read_only=True, allow_null=True)

    class Meta(EquipmentSerializer.Meta):
        fields = (*EquipmentSerializer.Meta.fields, "location", "category")

    def get_fields(self) -> dict[str, Any]:
        extensions = {name: LoadedField(extension) for name, extension in detail_fields.items()}
        return {**super().get_fields(), **extensions}


class PlanPinSerializer(serializers.Serializer[Place]):
    location_id = serializers.UUIDField(source="plan.id", help_text="The place whose floor plan it is.")
    attachment_id = serializers.UUIDField(source="plan.floor_plan_id")
    image_url = serializers.CharField(source="plan.floor_plan.file_path")
    x = serializers.FloatField()
    y = serializers.FloatField()


class PlaceSerializer(serializers.Serializer[Place]):
    """Where to go: `ancestors` from the site down, the pin on the nearest floor plan, a link for the phone's map."""

    equipment_id = serializers.UUIDField(source="equipment.id")
    location = serializers.SerializerMethodField()
    ancestors = serializers.SerializerMethodField()
    pin = serializers.SerializerMethodField()
    geo = serializers.CharField(allow_null=True)

    @extend_schema_field(LocationBriefSerializer(allow_null=True))
    def get_location(self, place: Place) -> Any:
        return LocationBriefSerializer(place.line[-1]).data if place.line else None

    @extend_schema_field(LocationBriefSerializer(many=True))
    def get_ancestors(self, place: Place) -> Any:
        return LocationBriefSerializer(place.line[:-1], many=True).data

    @extend_schema_field(PlanPinSerializer(allow_null=True))
    def get_pin(self, place: Place) -> Any:
        return PlanPinSerializer(place).data if place.plan else None


class MoveInputSerializer(Serializer):
    location_id = VisibleKeyField(source="location", queryset=Location.objects.all(), allow_null=True)
    reason = CleanCharField(required=False, allow_blank=True, default="", max_length=2000)
    occurred_at = OccurredAtField()


class StatusInputSerializer(Serializer):
    status = UpperChoiceField(choices=Equipment.Status.choices)
    reason = CleanCharField(required=False, allow_blank=True, default="", max_length=2000)
    occurred_at = OccurredAtField()


class QrCodeSerializer(serializers.Serializer[Equipment]):
    """What the QR code on the label says."""

    equipment_id = serializers.UUIDField(source="id")
    qr_token = serializers.CharField()
    qr_rotated_at = serializers.DateTimeField(allow_null=True)
    public_report_url = serializers.SerializerMethodField(
        help_text="What a second code for passers-by opens; null while public reports are off."
    )

    def get_public_report_url(self, machine: Equipment) -> str | None:
        return labels.report_url(machine)


class CountByStatusSerializer(serializers.Serializer[Any]):
    def get_fields(self) -> dict[str, Any]:
        return {value: serializers.IntegerField() for value in Equipment.Status.values}


class CountByCriticalitySerializer(serializers.Serializer[Any]):
    def get_fields(self) -> dict[str, Any]:
        return {value: serializers.IntegerField() for value in Equipment.Criticality.values}


class EquipmentStatsSerializer(serializers.Serializer[Any]):
    total = serializers.IntegerField()
    by_status = CountByStatusSerializer()
    by_criticality = CountByCriticalitySerializer()


class StatusIntervalSerializer(ModelSerializer):
    planned = serializers.BooleanField(read_only=True)

    class Meta:
        model = StatusInterval
        fields = (
            "id",
            "status",
            "started_at",
            "ended_at",
            "planned",
            "reason",
            "source",
            "counts_as_failure",
            "exclusion_reason",
            "started_by",
            "ended_by",
        )
        read_only_fields = fields


class MoveSerializer(ModelSerializer):
    from_location_id = serializers.UUIDField(read_only=True, allow_null=True)
    to_location_id = serializers.UUIDField(read_only=True, allow_null=True)

    class Meta:
        model = Move
        fields = ("id", "from_location_id", "to_location_id", "at", "by", "reason")
        read_only_fields = fields
