"""Timelines, comments and files as JSON, and the bodies of moves; work orders have theirs from here, too."""

from typing import Any

from rest_framework import serializers

from alerts.fields import OwnAttachmentsField
from alerts.models import TimelineEvent
from alerts.models.timeline import public
from equipment.serializers import OccurredAtField, OptionalTextField, PersonBriefSerializer
from faultreporter.api.permissions import MANAGERS
from faultreporter.api.serializers import CleanCharField, Serializer

LONGEST_TEXT = 10_000


class MoveSerializer(Serializer):
    """The body of a move. A phone that was offline says when it was made."""

    occurred_at = OccurredAtField(help_text="When it happened, at most 7 days ago; now if left out.")


class NoteSerializer(MoveSerializer):
    note = CleanCharField(required=False, allow_blank=True, max_length=LONGEST_TEXT)


class ReasonSerializer(MoveSerializer):
    reason = CleanCharField(max_length=LONGEST_TEXT)


class AttachSerializer(MoveSerializer):
    attachment_ids = OwnAttachmentsField(source="attachments", allow_empty=False)


class CommentInputSerializer(MoveSerializer):
    text = CleanCharField(max_length=LONGEST_TEXT)
    attachment_ids = OwnAttachmentsField(source="attachments", required=False)


class TimelineEventSerializer(serializers.Serializer[TimelineEvent]):
    """A line of a timeline. `by` is null where the system acted by itself."""

    id = serializers.UUIDField(read_only=True)
    kind = serializers.CharField(read_only=True)
    at = serializers.DateTimeField(read_only=True, help_text="When it happened.")
    created_at = serializers.DateTimeField(read_only=True, help_text="When the server learned of it.")
    by = PersonBriefSerializer(read_only=True, allow_null=True)
    note = OptionalTextField(read_only=True)
    data: Any = serializers.DictField(read_only=True)

    def to_representation(self, event: TimelineEvent) -> Any:
        """Who reported without an account is for managers."""
        shown = super().to_representation(event)
        request = self.context.get("request")
        if request is None or request.user.role not in MANAGERS.roles:
            shown["data"] = public(event.data)
        return shown


class CommentSerializer(serializers.Serializer[TimelineEvent]):
    """What somebody wrote about the record."""

    id = serializers.UUIDField(read_only=True)
    text = serializers.CharField(source="note", read_only=True)
    attachment_ids = serializers.SerializerMethodField()
    by = PersonBriefSerializer(read_only=True, allow_null=True)
    at = serializers.DateTimeField(read_only=True)
    created_at = serializers.DateTimeField(read_only=True)

    def get_attachment_ids(self, event: TimelineEvent) -> list[str]:
        return list(event.data.get("attachment_ids", ()))
