"""What a person wants to be told, by which way, and when not."""

from collections.abc import Collection
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models, transaction
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from faultreporter.db import TimeStampedModel
from faultreporter.errors import ValidationFailed
from faultreporter.notifications.models.notification import Notification
from faultreporter.notifications.models.severity import Severity, weight
from faultreporter.notifications.quiet import quiet_until

if TYPE_CHECKING:
    from faultreporter.accounts.models import User


def kinds(label: Any) -> "ArrayField[Any, Any]":
    return ArrayField(
        models.CharField(max_length=20, choices=Notification.Kind), default=list, blank=True, verbose_name=label
    )


class NotificationPreferences(TimeStampedModel):
    """How one person wants to be reached. Without a row the defaults here hold.

    The inbox always has everything; these decide what rings the phone, and what an e-mail stands in for.
    """

    class Digest(models.TextChoices):
        OFF = "OFF", _("Never")
        DAILY = "DAILY", _("Daily")

    audited: ClassVar[bool] = True
    audit_ignored: ClassVar[tuple[str, ...]] = ("updated_at", "digest_sent_on")

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="notification_preferences", verbose_name=_("person")
    )
    push_off = kinds(_("no push for"))
    email_off = kinds(_("no e-mail for"))
    push_minimum = models.CharField(_("push from severity"), max_length=10, choices=Severity, default=Severity.LOW)
    email_minimum = models.CharField(
        _("e-mail from severity"), max_length=10, choices=Severity, default=Severity.HIGH,
        help_text=_("An e-mail is sent when no push reached you."),
    )  # fmt: skip
    quiet_from = models.TimeField(
        _("quiet from"), null=True, blank=True,
        help_text=_("In your own time zone. Only what is critical rings in these hours."),
    )  # fmt: skip
    quiet_to = models.TimeField(_("quiet until"), null=True, blank=True)
    digest = models.CharField(
        _("digest"), max_length=10, choices=Digest, default=Digest.OFF,
        help_text=_("One e-mail with what is unread and was sent neither as a push nor as an e-mail."),
    )  # fmt: skip
    digest_hour = models.PositiveSmallIntegerField(_("hour of the digest"), default=7)
    # The person's own day of which they got the digest; whoever moves it on sends it.
    digest_sent_on = models.DateField(null=True, blank=True, editable=False)

    class Meta:
        db_table = "notification_preferences"
        verbose_name = _("notification preferences")
        verbose_name_plural = _("notification preferences")
        constraints = [
            models.CheckConstraint(
                condition=Q(quiet_from=None, quiet_to=None) | Q(quiet_from__isnull=False, quiet_to__isnull=False),
                name="check_notification_preferences_quiet",
                violation_error_message=_("Quiet hours need both a beginning and an end."),
            ),
            models.CheckConstraint(
                condition=Q(digest_hour__lte=23),
                name="check_notification_preferences_hour",
                violation_error_message=_("An hour is 0 to 23."),
            ),
        ]

    def __str__(self) -> str:
        return str(self.user)

    @classmethod
    def defaults_of(cls, user: "User") -> "NotificationPreferences":
        """What holds for somebody who has never changed anything; not stored."""
        return cls(id=user.pk, user=user, created_at=user.created_at, updated_at=user.created_at)

    @classmethod
    def of(cls, user: "User") -> "NotificationPreferences":
        return cls.objects.filter(user=user).first() or cls.defaults_of(user)

    @classmethod
    def of_all(cls, users: "Collection[User]") -> "dict[UUID, NotificationPreferences]":
        stored = {row.user_id: row for row in NotificationPreferences.objects.filter(user__in=users)}
        for user in users:
            stored.setdefault(user.pk, cls.defaults_of(user)).user = user
        return stored

    @classmethod
    def locked(cls, user: "User") -> "NotificationPreferences":
        """The person's row, made if need be, held until the transaction ends."""
        NotificationPreferences.objects.bulk_create([cls.defaults_of(user)], ignore_conflicts=True)
        stored = NotificationPreferences.objects.select_for_update().get(user=user)
        stored.user = user
        return stored

    @classmethod
    def change(cls, user: "User", **fields: Any) -> "NotificationPreferences":
        """Write these fields; the first change makes the row."""
        with transaction.atomic():
            stored = cls.locked(user)
            for name, value in fields.items():
                setattr(stored, name, value)
            if (stored.quiet_from is None) != (stored.quiet_to is None):
                missing = "quiet_from" if stored.quiet_from is None else "quiet_to"
                raise ValidationFailed(gettext("Quiet hours need both a beginning and an end."), field=missing)
            stored.save(update_fields=list(fields))
        return stored

    def wants_push(self, notification: Notification) -> bool:
        return self._wants(notification, off=self.push_off, minimum=self.push_minimum)

    def wants_email(self, notification: Notification) -> bool:
        return self._wants(notification, off=self.email_off, minimum=self.email_minimum)

    def push_time(self, notification: Notification, *, at: datetime) -> datetime:
        """`at`, or the end of the quiet hours it lies in; what is critical doesn't wait."""
        if notification.severity == Severity.CRITICAL or self.quiet_from is None or self.quiet_to is None:
            return at
        return quiet_until(at, start=self.quiet_from, end=self.quiet_to, zone=self.user.time_zone) or at

    def digest_day(self, *, at: datetime) -> date | None:
        """The day whose digest is due at that moment, if the person hasn't got it."""
        local = at.astimezone(ZoneInfo(self.user.time_zone))
        if self.digest != self.Digest.DAILY or local.hour < self.digest_hour:
            return None
        return None if self.digest_sent_on and self.digest_sent_on >= local.date() else local.date()

    def claim_digest(self, day: date) -> bool:
        """Of many who try, one sends the digest of that day."""
        rows = NotificationPreferences.objects.filter(pk=self.pk)
        return bool(rows.filter(Q(digest_sent_on=None) | Q(digest_sent_on__lt=day)).update(digest_sent_on=day))

    @staticmethod
    def _wants(notification: Notification, *, off: Collection[str], minimum: str) -> bool:
        return notification.kind not in off and weight(notification.severity) >= weight(minimum)
