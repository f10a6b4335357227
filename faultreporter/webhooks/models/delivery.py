"""What was sent to whom, how often it was tried, and what came back."""

from datetime import datetime, timedelta
from typing import Any, ClassVar, Self

from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from faultreporter.accounts.models import User
from faultreporter.db import TimeStampedModel, TimeStampedQuerySet
from faultreporter.errors import InvalidTransition
from faultreporter.webhooks.models.event import WebhookEvent
from faultreporter.webhooks.models.webhook import Webhook

LEASE = timedelta(seconds=60)
"""An attempt lasts ten seconds; whoever hasn't reported its end after this died over it."""


class DeliveryQuerySet(TimeStampedQuerySet["WebhookDelivery"]):
    def for_user(self, user: User) -> Self:
        return self if user.role == User.Role.ADMIN else self.none()

    def pending(self) -> Self:
        return self.filter(state="PENDING")

    def due(self, at: datetime) -> Self:
        return self.pending().filter(next_attempt_at__lte=at)

    def under_way(self, at: datetime) -> Self:
        return self.pending().filter(claimed_until__gt=at)

    def give_up(self, *, at: datetime) -> int:
        """Nobody listens any more: what waits becomes a dead letter."""
        return self.pending().update(state="DEAD", finished_at=at, claimed_until=None, last_reason="SWITCHED_OFF")


class WebhookDelivery(TimeStampedModel):
    """One event on its way to one webhook. After its last attempt it is a dead letter, which can be sent again."""

    class State(models.TextChoices):
        PENDING = "PENDING", _("Pending")
        SUCCEEDED = "SUCCEEDED", _("Delivered")
        DEAD = "DEAD", _("Dead letter")

    class Reason(models.TextChoices):
        """How an attempt ended."""

        DELIVERED = "DELIVERED", _("Delivered")
        UNFINISHED = "UNFINISHED", _("No end was reported")
        STATUS = "STATUS", _("Refused by the receiver")
        REDIRECT = "REDIRECT", _("Redirects aren't followed")
        GONE = "GONE", _("The receiver wants no more")
        TIMEOUT = "TIMEOUT", _("No answer in time")
        CONNECTION = "CONNECTION", _("No connection")
        TLS = "TLS", _("Certificate or TLS refused")
        UNKNOWN_HOST = "UNKNOWN_HOST", _("Name not found")
        ADDRESS_REFUSED = "ADDRESS_REFUSED", _("Address not permitted")
        SECRET_UNREADABLE = "SECRET_UNREADABLE", _("Secret can't be read; rotate it")
        SWITCHED_OFF = "SWITCHED_OFF", _("Webhook switched off")

    webhook = models.ForeignKey(
        Webhook, models.CASCADE, related_name="deliveries", db_index=False, verbose_name=_("webhook")
    )
    event = models.ForeignKey(WebhookEvent, models.CASCADE, related_name="deliveries", verbose_name=_("event"))
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.PENDING)
    attempts = models.PositiveSmallIntegerField(
        _("attempts"), default=0, help_text=_("Since it was last set out; all of them are on a page of their own.")
    )
    next_attempt_at = models.DateTimeField(_("next attempt at"), default=timezone.now)
    claimed_until = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)
    last_status = models.PositiveSmallIntegerField(_("last status"), null=True, blank=True)
    last_reason = models.CharField(_("last result"), max_length=20, choices=Reason.choices, blank=True)

    objects = DeliveryQuerySet.as_manager()

    current: "WebhookAttempt"
    """The attempt that a claim began."""

    class Meta:
        db_table = "webhook_deliveries"
        verbose_name = _("webhook delivery")
        verbose_name_plural = _("webhook deliveries")
        ordering = ("-created_at", "-id")
        constraints = [
            models.UniqueConstraint(fields=["event", "webhook"], name="uniq_webhook_deliveries"),
            models.CheckConstraint(
                condition=Q(state="PENDING", finished_at=None)
                | (~Q(state="PENDING") & Q(finished_at__isnull=False, claimed_until=None)),
                name="check_webhook_deliveries_finished",
            ),
        ]
        indexes = [
            # the next to send to a webhook, oldest event first, and the sweep
            models.Index(
                fields=["webhook", "event"], condition=Q(state="PENDING"), name="idx_webhook_deliveries_pending"
            ),
            # GET /webhooks/{id}/deliveries, newest first
            models.Index(fields=["webhook", "-created_at", "-id"], name="idx_webhook_deliveries_list"),
            # the back office's dead letters
            models.Index(fields=["-created_at", "-id"], condition=Q(state="DEAD"), name="idx_webhook_deliveries_dead"),
        ]

    def __str__(self) -> str:
        return f"#{self.event_id} {self.event.type} → {self.webhook}"

    @classmethod
    def claim(cls, webhook_id: Any, *, at: datetime) -> "WebhookDelivery | None":
        """The webhook's oldest due delivery, ours for LEASE with its attempt written down; None if it isn't the time.

        A webhook gets one delivery at a time, in the order of the events, so first attempts never overtake each other.
        """
        with transaction.atomic():
            webhook = Webhook.objects.ready(at).lock().filter(pk=webhook_id).first()
            if webhook is None or webhook.deliveries.under_way(at).exists():
                return None
            due = webhook.deliveries.due(at).select_related("event").order_by("event_id")
            delivery: WebhookDelivery | None = due.first()
            if delivery is None:
                return None
            delivery.webhook = webhook
            delivery.attempts += 1
            delivery.claimed_until = delivery.next_attempt_at = at + LEASE
            delivery.save(update_fields=["attempts", "claimed_until", "next_attempt_at"])
            delivery.current = delivery.ledger.create(at=at)
        return delivery

    def finish(self, *, state: str, reason: str, status: int | None, at: datetime) -> None:
        """It arrived, or never will."""
        self.state, self.finished_at, self.claimed_until = state, at, None
        self.last_reason, self.last_status = reason, status
        self.save(update_fields=["state", "finished_at", "claimed_until", "last_reason", "last_status"])

    def postpone(self, *, until: datetime, reason: str, status: int | None) -> None:
        self.next_attempt_at, self.claimed_until = until, None
        self.last_reason, self.last_status = reason, status
        self.save(update_fields=["next_attempt_at", "claimed_until", "last_reason", "last_status"])

    def replay(self, *, by: User | None, at: datetime) -> None:
        """Set it out again, with the same webhook-id. `services.replay` also wakes who sends it."""
        with transaction.atomic():
            rows = WebhookDelivery.objects.select_for_update(of=("self",), no_key=True).select_related("webhook")
            self.refresh_from_db(from_queryset=rows)
            if self.state == self.State.PENDING:
                message = gettext("It is on its way already.")
                raise InvalidTransition(message, source=self.state, target=self.State.PENDING, allowed=[])
            self.webhook.demand_listening()
            self.state, self.attempts, self.next_attempt_at, self.finished_at = self.State.PENDING, 0, at, None
            self.save(update_fields=["state", "attempts", "next_attempt_at", "finished_at"])


class WebhookAttempt(models.Model):
    """One try: written down before it is made, completed after it, so that one that killed its worker shows too."""

    Reason: ClassVar = WebhookDelivery.Reason

    id = models.BigAutoField(primary_key=True)
    delivery = models.ForeignKey(WebhookDelivery, models.CASCADE, related_name="ledger")
    at = models.DateTimeField(_("at"))
    reason = models.CharField(
        _("result"), max_length=20, choices=WebhookDelivery.Reason.choices, default=WebhookDelivery.Reason.UNFINISHED
    )
    status = models.PositiveSmallIntegerField(_("status"), null=True, blank=True)
    milliseconds = models.PositiveIntegerField(_("milliseconds"), null=True, blank=True)
    answer = models.TextField(_("answer"), blank=True)

    class Meta:
        db_table = "webhook_attempts"
        verbose_name = _("attempt")
        verbose_name_plural = _("attempts")
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.get_reason_display()} {self.at:%Y-%m-%d %H:%M}"
