from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from faultreporter.accounts.models import User
from faultreporter.accounts.permissions import permissions_of
from faultreporter.api.serializers import ModelSerializer, Serializer


class UserSerializer(ModelSerializer):
    """A person, as managers see them and administrators write them."""

    class Meta:
        model = User
        fields = (
            "id",
            "email",
            "email_verified",
            "display_name",
            "phone",
            "role",
            "language",
            "time_zone",
            "is_active",
            "last_seen_at",
            "created_at",
            "updated_at",
            "deleted_at",
        )
        read_only_fields = ("email_verified", "last_seen_at", "created_at", "updated_at", "deleted_at")

    def validate_email(self, value: str) -> str:
        return User.objects.normalize_email(value)


class ProfileSerializer(ModelSerializer):
    """The caller: what they may change about themselves, their role, and what it permits."""

    permissions = serializers.SerializerMethodField(
        help_text=_("The actions your role may call, some only on records that concern you.")
    )

    class Meta:
        model = User
        fields = (
            "id",
            "email",
            "email_verified",
            "display_name",
            "phone",
            "role",
            "permissions",
            "language",
            "time_zone",
            "created_at",
            "updated_at",
        )
        read_only_fields = ("email", "email_verified", "role", "created_at", "updated_at")

    def get_permissions(self, user: User) -> list[str]:
        return list(permissions_of(user.role))


class LogoutSerializer(Serializer):
    everywhere = serializers.BooleanField(
        default=False, help_text=_("End every sign-in, session and API token of yours, not only this one.")
    )
    device_id = serializers.UUIDField(
        required=False, help_text=_("The id under which this phone is registered for pushes; it gets no more.")
    )
