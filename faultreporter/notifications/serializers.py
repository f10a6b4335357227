from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from faultreporter.api.serializers import CleanCharField, ModelSerializer, Serializer, UpperChoiceField
from faultreporter.notifications.models import Notification, NotificationPreferences, PushTarget
from faultreporter.notifications.wording import subject_name


class NotificationSerializer(ModelSerializer):
    """One line of your inbox. `subject_type` names the record as other answers do: ALERT, WORK_ORDER."""

    subject_type = serializers.SerializerMethodField()

    class Meta:
        model = Notification
        fields = (
            *("id", "kind", "severity", "title", "body", "subject_type", "subject_id", "read_at"),
            *("created_at", "updated_at"),
        )
        read_only_fields = fields

    def get_subject_type(self, notification: Notification) -> str:
        return subject_name(notification)


class UnreadSerializer(Serializer):
    unread = serializers.IntegerField()


class ReadSerializer(Serializer):
    read = serializers.IntegerField(help_text=_("How many weren't read before."))


class PushTargetSerializer(ModelSerializer):
    """A phone of yours. Of its id or token only the end is shown."""

    value = serializers.CharField(source="masked_value", read_only=True)

    class Meta:
        model = PushTarget
        fields = ("id", "provider", "value", "platform", "app_version", "registered_at", "created_at", "updated_at")
        read_only_fields = fields


class RegisterSerializer(Serializer):
    """What an app says about itself at its start."""

    provider = UpperChoiceField(choices=PushTarget.Provider.choices)
    value = CleanCharField(
        max_length=512, help_text=_("The Firebase installation id, or the token of another service.")
    )
    platform = UpperChoiceField(choices=PushTarget.Platform.choices, required=False, default="", allow_blank=True)
    app_version = CleanCharField(max_length=40, required=False, default="", allow_blank=True)


@extend_schema_field({"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$", "examples": ["22:00"]})
class ClockField(serializers.TimeField):
    """A time on the clock, without seconds."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(format="%H:%M", input_formats=["%H:%M"], **kwargs)


class KindsField(serializers.ListField):
    """Kinds of notification, each once."""

    child = UpperChoiceField(choices=Notification.Kind.choices)

    def to_internal_value(self, data: Any) -> Any:
        return sorted(set(super().to_internal_value(data)))


class PreferencesSerializer(ModelSerializer):
    """How you want to be reached. The inbox always has everything."""

    push_off = KindsField(required=False, help_text=_("Kinds that don't ring your phone."))
    email_off = KindsField(required=False, help_text=_("Kinds that no e-mail is sent for."))
    quiet_from = ClockField(required=False, allow_null=True, help_text=_("In your time zone; critical still rings."))
    quiet_to = ClockField(required=False, allow_null=True)
    digest_hour = serializers.IntegerField(required=False, min_value=0, max_value=23)
    time_zone = serializers.CharField(source="user.time_zone", read_only=True)

    class Meta:
        model = NotificationPreferences
        fields = (
            *("push_off", "email_off", "push_minimum", "email_minimum", "quiet_from", "quiet_to"),
            *("digest", "digest_hour", "time_zone", "updated_at"),
        )
        read_only_fields = ("updated_at",)
