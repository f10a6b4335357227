import uuid
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from equipment.models import Equipment, TechnicalDiagram
from equipment.models.diagrams import MAX_HOTSPOTS
from faultreporter.api.serializers import CleanCharField, ModelSerializer, Serializer, UpperChoiceField
from faultreporter.attachments.models import Attachment
from locations.fields import VisibleKeyField


class HotspotSerializer(Serializer):
    """A region of the drawing, in fractions of its width and height, and the machine it leads to."""

    x = serializers.FloatField(min_value=0, max_value=1)
    y = serializers.FloatField(min_value=0, max_value=1)
    w = serializers.FloatField(min_value=0, max_value=1)
    h = serializers.FloatField(min_value=0, max_value=1)
    label = CleanCharField(max_length=100)  # type: ignore[assignment]  # Field.label is the field's own caption
    equipment_id = serializers.UUIDField(allow_null=True, default=None)

    def to_internal_value(self, data: Any) -> Any:
        region = super().to_internal_value(data)
        if region["equipment_id"]:
            region["equipment_id"] = str(region["equipment_id"])  # it is stored as JSON
        return region


class HotspotsField(serializers.ListSerializer[Any]):
    """Regions that lead only to machines in the caller's sight."""

    default_error_messages = {"unknown_machine": _("There is no machine {id}, or it is out of your sight.")}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"child": HotspotSerializer(), "max_length": MAX_HOTSPOTS, **kwargs})

    def to_internal_value(self, data: Any) -> Any:
        regions = super().to_internal_value(data)
        wanted = {uuid.UUID(region["equipment_id"]) for region in regions if region["equipment_id"]}
        if wanted:
            rows = Equipment.objects.for_user(self.context["request"].user).living().filter(pk__in=wanted)
            if missing := wanted - set(rows.values_list("pk", flat=True)):
                self.fail("unknown_machine", id=min(map(str, missing)))
        return regions


class DiagramSerializer(ModelSerializer):
    equipment_id = VisibleKeyField(source="equipment", queryset=Equipment.objects.all())
    attachment_id = VisibleKeyField(source="attachment", queryset=Attachment.objects.all())
    kind = UpperChoiceField(choices=TechnicalDiagram.Kind.choices, default=TechnicalDiagram.Kind.OTHER)
    hotspots = HotspotsField(required=False)
    supersedes_id = serializers.UUIDField(read_only=True, allow_null=True)

    class Meta:
        model = TechnicalDiagram
        fields = (
            "id",
            "equipment_id",
            "title",
            "kind",
            "version",
            "attachment_id",
            "hotspots",
            "supersedes_id",
            "created_at",
            "updated_at",
            "deleted_at",
        )
        read_only_fields = ("id", "version", "created_at", "updated_at", "deleted_at")


class RevisionSerializer(Serializer):
    """The next revision of a drawing; title, kind and regions carry over unless given."""

    attachment_id = VisibleKeyField(source="attachment", queryset=Attachment.objects.all())
    title = CleanCharField(max_length=200, required=False)
    kind = UpperChoiceField(choices=TechnicalDiagram.Kind.choices, required=False)
    hotspots = HotspotsField(required=False)


class HotspotsSerializer(Serializer):
    hotspots = HotspotsField()
