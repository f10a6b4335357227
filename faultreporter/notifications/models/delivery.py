"""The ledger: how a notification was carried to the person, and every attempt at it."""

from datetime import datetime, timedelta
from typing import ClassVar, Self

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from faultreporter.db import TimeStampedModel, TimeStampedQuerySet
from faultreporter.notifications.models.notification import Notification
from faultreporter.notifications.models.targets import PushTarget


class LedgerQuerySet(TimeStampedQuerySet["Delivery"]):
    def pending(self, channel: str) -> Self:
        return self.filter(channel=channel, state=Delivery.State.PENDING)

    def free(self, at: datetime) -> Self:
        """Nobody is sending them at this moment."""
        return self.filter(Q(claimed_until=None) | Q(claimed_until__lt=at))

    def due(self, channel: str, *, at: datetime) -> Self:
        return self.pending(channel).free(at).filter(due_at__lte=at)

    def reaching(self) -> Self:
        """Pushes that reached the person, still may, or aren't needed: no e-mail has to stand in for them."""
        needless = Q(state="SKIPPED", reason__in=(Delivery.Reason.COLLAPSED, Delivery.Reason.READ))
        return self.filter(Q(state__in=("PENDING", "SENT")) | needless, channel=Delivery.Channel.PUSH)


class Delivery(TimeStampedModel):
    """One way by which a notification goes to the person: a push to one phone, an e-mail, the daily digest.

    A worker takes a pending one for two minutes; if it dies in between, another one takes it. So nothing is lost, and
    a push can arrive twice: with the same collapse id, which shows it once. An e-mail keeps its Message-ID.
    """

    LEASE: ClassVar = timedelta(minutes=2)

    class Channel(models.TextChoices):
        PUSH = "PUSH", _("Push")
        EMAIL = "EMAIL", _("E-mail")
        DIGEST = "DIGEST", _("Digest")

    class State(models.TextChoices):
        PENDING = "PENDING", _("Waiting")
        SENT = "SENT", _("Sent")
        FAILED = "FAILED", _("Failed")
        SKIPPED = "SKIPPED", _("Not sent")
        DEAD = "DEAD", _("Phone unknown")

    class Reason(models.TextChoices):
        QUIET_HOURS = "QUIET_HOURS", _("Waits for the end of the quiet hours")
        GATHERING = "GATHERING", _("Waits for others of its group")
        NOT_WANTED = "NOT_WANTED", _("Not wanted by the person's settings")
        NO_TARGET = "NO_TARGET", _("The person has registered no phone")
        NOT_CONFIGURED = "NOT_CONFIGURED", _("This push service isn't configured")
        COLLAPSED = "COLLAPSED", _("A later one stands for it")
        READ = "READ", _("Read before it was sent")
        INACTIVE = "INACTIVE", _("The person isn't active any more")
        PROVIDER_DOWN = "PROVIDER_DOWN", _("The service couldn't be reached")
        REFUSED = "REFUSED", _("The service refused it")
        TARGET_GONE = "TARGET_GONE", _("The app is no longer on that phone, or belongs to somebody else")

    notification = models.ForeignKey(
        Notification, models.CASCADE, related_name="deliveries", db_index=False, verbose_name=_("notification")
    )
    channel = models.CharField(_("way"), max_length=10, choices=Channel)
    target = models.ForeignKey(
        PushTarget, models.SET_NULL, null=True, blank=True, related_name="deliveries", verbose_name=_("push target")
    )
    address = models.CharField(_("to"), max_length=254, blank=True)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.PENDING)
    reason = models.CharField(_("reason"), max_length=20, choices=Reason, blank=True)
    due_at = models.DateTimeField(_("not before"))
    tries = models.PositiveSmallIntegerField(_("attempts"), default=0)
    stands_for = models.PositiveIntegerField(_("stands for"), default=1)
    claim = models.UUIDField(null=True, blank=True, editable=False)
    claimed_until = models.DateTimeField(_("being sent until"), null=True, blank=True, editable=False)
    sent_at = models.DateTimeField(_("sent at"), null=True, blank=True)

    objects = LedgerQuerySet.as_manager()

    class Meta:
        db_table = "notification_deliveries"
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        ordering = ("-created_at", "-id")
        constraints = [
            models.UniqueConstraint(fields=["notification", "channel", "target"], name="uniq_deliveries_target"),
            models.UniqueConstraint(
                fields=["notification", "channel"], condition=~Q(channel="PUSH"), name="uniq_deliveries_channel"
            ),
            models.CheckConstraint(
                condition=Q(state="SENT", sent_at__isnull=False) | (~Q(state="SENT") & Q(sent_at=None)),
                name="check_deliveries_sent",
            ),
        ]
        indexes = [
            # what a worker takes next
            models.Index(fields=["channel", "due_at"], condition=Q(state="PENDING"), name="idx_deliveries_due"),
            # the pushes of the last five minutes, whose group a new one joins
            models.Index(fields=["sent_at"], condition=Q(state="SENT"), name="idx_deliveries_sent"),
            # the ledger's page, newest first
            models.Index(fields=["-created_at", "-id"], name="idx_deliveries_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.get_channel_display()}: {self.notification}"

    def skip(self, reason: str) -> None:
        self.state, self.reason, self.claim, self.claimed_until = self.State.SKIPPED, reason, None, None

    def resend(self, *, at: datetime) -> bool:
        """Try a failed one again from the beginning; False for one that hasn't failed."""
        failed = Delivery.objects.filter(pk=self.pk, state=self.State.FAILED)
        return bool(
            failed.update(state=self.State.PENDING, reason="", tries=0, due_at=at, claim=None, claimed_until=None)
        )


class DeliveryAttempt(models.Model):
    """One try to send one delivery. Written before the try, so that one which never came back is seen, too."""

    class Outcome(models.TextChoices):
        STARTED = "STARTED", _("No answer known")
        SENT = "SENT", _("Sent")
        RETRY = "RETRY", _("Failed for now")
        REFUSED = "REFUSED", _("Refused")
        TARGET_GONE = "TARGET_GONE", _("Phone unknown")

    id = models.BigAutoField(primary_key=True)
    delivery = models.ForeignKey(Delivery, models.CASCADE, related_name="attempts", verbose_name=_("delivery"))
    at = models.DateTimeField(_("at"))
    outcome = models.CharField(_("outcome"), max_length=12, choices=Outcome, default=Outcome.STARTED)
    reason = models.CharField(_("reason"), max_length=60, blank=True)
    detail = models.CharField(_("detail"), max_length=500, blank=True)
    provider_id = models.CharField(_("the service's id"), max_length=200, blank=True)
    milliseconds = models.PositiveIntegerField(_("milliseconds"), null=True, blank=True)

    class Meta:
        db_table = "notification_delivery_attempts"
        verbose_name = _("attempt")
        verbose_name_plural = _("attempts")
        ordering = ("-id",)
        indexes = [
            # what pruning removes
            models.Index(fields=["at"], name="idx_delivery_attempts_age"),
        ]

    def __str__(self) -> str:
        return f"{self.get_outcome_display()} {self.at:%Y-%m-%d %H:%M}"
