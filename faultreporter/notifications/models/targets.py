"""Where a push goes: the installation of the app on a person's phone."""

from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, Self

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from faultreporter.db import TimeStampedModel, TimeStampedQuerySet

if TYPE_CHECKING:
    from faultreporter.accounts.models import User

MOST_PER_PERSON = 20


class PushTargetQuerySet(TimeStampedQuerySet["PushTarget"]):
    def for_user(self, user: "User") -> Self:
        """One's own, whatever one's role."""
        return self.filter(user=user)

    def register(
        self, *, user: "User", provider: str, value: str, at: datetime, platform: str = "", app_version: str = ""
    ) -> "PushTarget":
        """This installation belongs to this person now, whoever used it before. One statement, so two calls can race.

        Beyond twenty, the installations that were silent longest are forgotten.
        """
        row = PushTarget(
            user=user, provider=provider, value=value, platform=platform, app_version=app_version, registered_at=at
        )
        written = ["user", "provider", "platform", "app_version", "registered_at", "updated_at"]
        self.bulk_create([row], update_conflicts=True, unique_fields=["value"], update_fields=written)
        surplus = self.filter(user=user).order_by("-registered_at", "-id").values("pk")[MOST_PER_PERSON:]
        self.filter(pk__in=list(surplus.values_list("pk", flat=True))).delete()
        return self.get(value=value)


class PushTarget(TimeStampedModel):
    """An installation of the app that may be sent pushes, by the id its push service gave it.

    Dead ones are removed as soon as the service says so; the app registers anew at every start.
    """

    class Provider(models.TextChoices):
        FCM_FID = "FCM_FID", _("Firebase installation")
        FCM_TOKEN = "FCM_TOKEN", _("Firebase registration token")
        APNS = "APNS", _("Apple push service")
        EXPO = "EXPO", _("Expo")

    class Platform(models.TextChoices):
        ANDROID = "ANDROID", _("Android")
        IOS = "IOS", _("iOS")
        WEB = "WEB", _("Web")

    # The services this server can talk to; the others are stored, and their pushes marked as not configured.
    SENDABLE: ClassVar = (Provider.FCM_FID, Provider.FCM_TOKEN)

    audited: ClassVar[bool] = True
    audit_masked: ClassVar[tuple[str, ...]] = ("value",)
    audit_ignored: ClassVar[tuple[str, ...]] = ("updated_at", "registered_at")

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="push_targets", verbose_name=_("person")
    )
    provider = models.CharField(_("service"), max_length=10, choices=Provider)
    value = models.CharField(_("id or token"), max_length=512)
    platform = models.CharField(_("platform"), max_length=10, choices=Platform, blank=True)
    app_version = models.CharField(_("app version"), max_length=40, blank=True)
    registered_at = models.DateTimeField(_("last registered"))

    objects = PushTargetQuerySet.as_manager()

    class Meta:
        db_table = "push_targets"
        verbose_name = _("push target")
        verbose_name_plural = _("push targets")
        ordering = ("-registered_at", "-id")
        constraints = [models.UniqueConstraint(fields=["value"], name="uniq_push_targets_value")]

    def __str__(self) -> str:
        return f"{self.get_provider_display()} {self.masked_value}"

    @property
    def masked_value(self) -> str:
        """Enough to tell two phones apart, too little to send to one."""
        return f"…{self.value[-4:]}" if len(self.value) > 8 else "…"
