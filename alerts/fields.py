"""Fields that both the alert and the work order show."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from faultreporter.api.serializers import UpperChoiceField
from faultreporter.attachments.models import Attachment

MOST_FILES = 20


class OptionalChoiceField(UpperChoiceField):
    """An enumeration whose empty value is null on the wire."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"allow_null": True, **kwargs})

    def to_representation(self, value: Any) -> Any:
        return super().to_representation(value) or None


@extend_schema_field({"type": "array", "items": {"type": "string", "format": "uuid"}, "maxItems": MOST_FILES})
class OwnAttachmentsField(serializers.ListField):
    """Ids of files that the caller uploaded; somebody else's are as unknown as those that never were."""

    default_error_messages = {"unknown": _("You have uploaded no file with the id {id}.")}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(child=serializers.UUIDField(), max_length=MOST_FILES, **kwargs)

    def to_internal_value(self, data: Any) -> list[Attachment]:
        ids = dict.fromkeys(super().to_internal_value(data))
        found = Attachment.objects.of(self.context["request"].user).in_bulk(list(ids)) if ids else {}
        for pk in ids:
            if pk not in found:
                self.fail("unknown", id=pk)
        return [found[pk] for pk in ids]


class RefusalSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    message = serializers.CharField()


class AllowedTransitionSerializer(serializers.Serializer[Any]):
    """A move that is possible now and permitted to the caller, with the fields its body must and may have.

    Of `one_of` exactly one must be there; mostly it is empty.
    """

    action = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # DRF takes fields off the class
    to = serializers.CharField()
    required = serializers.ListField(child=serializers.CharField())  # type: ignore[assignment]  # as above
    optional = serializers.ListField(child=serializers.CharField())
    one_of = serializers.ListField(child=serializers.CharField())
    blocked = RefusalSerializer(
        allow_null=True, help_text="Why the move would be refused now, though the status allows it; null if nothing is."
    )
