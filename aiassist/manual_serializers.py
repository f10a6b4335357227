from typing import Any

from rest_framework import serializers

from aiassist.models import Manual
from equipment.models import Category
from faultreporter.api.serializers import CleanCharField, ModelSerializer, Serializer
from faultreporter.attachments.models import Attachment
from locations.fields import VisibleKeyField


class ManualSerializer(ModelSerializer):
    """`failure` says in words why the text could not be read; `page_count` is null until it was."""

    category_id = VisibleKeyField(source="category", queryset=Category.objects.all())
    attachment_id = VisibleKeyField(
        source="attachment", queryset=Attachment.objects.all(), help_text="The uploaded PDF. It can't be exchanged."
    )

    class Meta:
        model = Manual
        fields = (
            "id",
            "category_id",
            "title",
            "manufacturer",
            "model",
            "attachment_id",
            "status",
            "page_count",
            "failure",
            "created_at",
            "updated_at",
            "deleted_at",
        )
        read_only_fields = ("id", "status", "page_count", "failure", "created_at", "updated_at", "deleted_at")


class ManualChangeSerializer(ModelSerializer):
    category_id = VisibleKeyField(source="category", queryset=Category.objects.all())

    class Meta:
        model = Manual
        fields = ("category_id", "title", "manufacturer", "model")


class ManualSearchSerializer(Serializer):
    """What is looked for, and in which manuals."""

    category_id = VisibleKeyField(source="category", queryset=Category.objects.all())
    q = CleanCharField(max_length=1000)
    manufacturer = CleanCharField(max_length=100, default="")
    model = CleanCharField(max_length=100, default="")


class ManualHitSerializer(serializers.Serializer[Any]):
    reference = serializers.CharField(help_text="`<manual id>#<page>`, as an answer's evidence cites it.")
    manual_id = serializers.UUIDField()
    title = serializers.CharField()
    page = serializers.IntegerField()
    excerpt = serializers.CharField(help_text="What the page says around the words.")
    rank = serializers.FloatField(help_text="Only good for comparing hits of one search.")
