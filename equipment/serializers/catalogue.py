from rest_framework import serializers

from equipment.models import Category, FailureMode
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
