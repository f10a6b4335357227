from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from equipment.models import Equipment
from faultreporter.api.serializers import ModelSerializer
from locations.fields import VisibleKeyField
from telemetry.models import DeviceKey, Metric
from telemetry.serializers.fields import NumberField


class MetricSerializer(ModelSerializer):
    """A quantity that sensors report, the unit it is stored in, and what is physically possible."""

    physical_min = NumberField(allow_null=True, required=False)
    physical_max = NumberField(allow_null=True, required=False)

    class Meta:
        model = Metric
        fields = (
            "id", "code", "name", "description", "unit", "kind", "brick_class", "physical_min", "physical_max",
            "created_at", "updated_at", "deleted_at",
        )  # fmt: skip
        read_only_fields = ("id", "created_at", "updated_at", "deleted_at")


class DeviceKeySerializer(ModelSerializer):
    """The key of a gateway; `equipment_ids` are the machines it may send for, unless `all_equipment` is true."""

    equipment_ids = VisibleKeyField(source="equipment", queryset=Equipment.objects.all(), many=True, required=False)

    class Meta:
        model = DeviceKey
        fields = (
            "id", "name", "device_id", "prefix", "all_equipment", "equipment_ids",
            "previous_expires_at", "last_used_at", "created_at", "updated_at", "deleted_at",
        )  # fmt: skip
        read_only_fields = (
            "id", "prefix", "previous_expires_at", "last_used_at", "created_at", "updated_at", "deleted_at",
        )  # fmt: skip


class IssuedDeviceKeySerializer(DeviceKeySerializer):
    """The one answer that shows the key itself."""

    key = serializers.CharField(read_only=True, help_text=_("For the header X-Device-Key. Shown once, stored nowhere."))

    class Meta(DeviceKeySerializer.Meta):
        fields = (*DeviceKeySerializer.Meta.fields, "key")  # type: ignore[assignment]  # one longer
