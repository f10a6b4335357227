"""Who is told: an address of somebody else's system, and what it wants to hear."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models, transaction
from django.db.models import F, Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from faultreporter.accounts.models import User
from faultreporter.db import LivingQuerySet, SoftDeleteModel
from faultreporter.errors import InvalidTransition, ValidationFailed
from faultreporter.webhooks import addresses, catalogue, signatures

ROTATION_GRACE = timedelta(days=7)
PATIENCE = timedelta(days=5)
"""How long nothing but failures is borne before the webhook is switched off."""
SHORTEST_PAUSE, LONGEST_PAUSE = timedelta(seconds=5), timedelta(minutes=10)


class WebhookQuerySet(LivingQuerySet["Webhook"]):
    def for_user(self, user: User) -> Self:
        return self if user.role == User.Role.ADMIN else self.none()

    def listening(self) -> Self:
        return self.living().filter(is_active=True)

    def ready(self, at: datetime) -> Self:
        return self.listening().filter(Q(paused_until=None) | Q(paused_until__lte=at))

    def wanting(self, event: str) -> Self:
        return self.listening().filter(events__overlap=[event, catalogue.EVERYTHING])

    def lock(self) -> Self:
        return self.select_for_update(of=("self",), no_key=True)


class Webhook(SoftDeleteModel):
    """An address at another system that hears of what happens here: a building management system, a chat, a store.

    Its secret signs what we send. Rotating gives a new one beside the old, which signs too for a week.
    """

    audited: ClassVar[bool] = True
    audit_masked: ClassVar[tuple[str, ...]] = ("secret", "previous_secret")
    audit_ignored: ClassVar[tuple[str, ...]] = ("updated_at", "failing_since", "paused_until")

    url = models.CharField(_("URL"), max_length=addresses.LONGEST_URL, help_text=_("Begins with https://."))
    description = models.CharField(_("description"), max_length=200, blank=True)
    events = ArrayField(
        models.CharField(max_length=60), verbose_name=_("events"),
        help_text=_("Names of events; * for every one."),
    )  # fmt: skip
    is_active = models.BooleanField(_("active"), default=True, help_text=_("Switched off, it hears of nothing."))
    secret = models.TextField(editable=False)
    previous_secret = models.TextField(blank=True, editable=False)
    previous_expires_at = models.DateTimeField(_("previous secret signs until"), null=True, blank=True, editable=False)
    failing_since = models.DateTimeField(_("failing since"), null=True, blank=True, editable=False)
    paused_until = models.DateTimeField(_("next try not before"), null=True, blank=True, editable=False)
    disabled_at = models.DateTimeField(_("switched off at"), null=True, blank=True, editable=False)
    disabled_reason = models.CharField(_("why it was switched off"), max_length=200, blank=True, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, editable=False, related_name="+",
        verbose_name=_("created by"),
    )  # fmt: skip

    objects = WebhookQuerySet.as_manager()

    class Meta:
        db_table = "webhooks"
        verbose_name = _("webhook")
        verbose_name_plural = _("webhooks")
        ordering = ("-created_at", "-id")
        constraints = [
            models.CheckConstraint(
                condition=Q(previous_secret="", previous_expires_at=None)
                | (~Q(previous_secret="") & Q(previous_expires_at__isnull=False)),
                name="check_webhooks_previous_secret",
            ),
            models.CheckConstraint(
                condition=Q(is_active=True, disabled_at=None, disabled_reason="") | Q(is_active=False),
                name="check_webhooks_disabled",
            ),
        ]

    def __str__(self) -> str:
        return self.description or self.url

    @classmethod
    def add(
        cls, *, url: str, events: Sequence[str], by: User | None, description: str = "", is_active: bool = True
    ) -> "tuple[Webhook, str]":
        """A new webhook and its secret, which is shown once."""
        webhook = cls(url=url, events=list(events), description=description, is_active=is_active)
        return webhook, webhook.register(by=by)

    def register(self, *, by: User | None) -> str:
        """Stores a webhook that was only filled in so far, and answers its secret."""
        self._check()
        self.created_by = by
        plain = signatures.new_secret()
        self.secret = signatures.sealed(plain)
        self.save(force_insert=True)
        return plain

    def change(self, *, by: User | None, at: datetime, **fields: Any) -> None:
        """Edit the given fields. Switched off, what waits to be sent goes to the dead letters; on, it starts afresh."""
        with transaction.atomic():
            self.lock()
            for name, value in fields.items():
                setattr(self, name, value)
            self._check()
            if fields.get("is_active"):
                self.disabled_at = self.failing_since = self.paused_until = None
                self.disabled_reason = ""
            self.save()
            if not self.is_active:
                self._give_up_waiting(at)

    def rotate_secret(self, *, by: User | None, at: datetime) -> str:
        """The plain text of a new secret; the present one signs beside it for ROTATION_GRACE, one before it no more."""
        with transaction.atomic():
            self.lock()
            plain = signatures.new_secret()
            self.previous_secret, self.previous_expires_at = self.secret, at + ROTATION_GRACE
            self.secret = signatures.sealed(plain)
            self.save(update_fields=["secret", "previous_secret", "previous_expires_at"])
        return plain

    def signing_secrets(self, *, at: datetime) -> list[str]:
        """The secrets that sign now, newest first. A previous one that can't be read any more is left out."""
        secrets = [signatures.opened(self.secret)]
        if self.previous_expires_at and at < self.previous_expires_at:
            try:
                secrets.append(signatures.opened(self.previous_secret))
            except signatures.SecretUnreadable:
                return secrets
        return secrets

    def switch_off(self, *, at: datetime, reason: str) -> bool:
        """The system gives up on it; whether it was on until now. The row is locked."""
        if not self.is_active:
            return False
        self.is_active, self.disabled_at, self.disabled_reason = False, at, reason[:200]
        self.save(update_fields=["is_active", "disabled_at", "disabled_reason"])
        self._give_up_waiting(at)
        return True

    def note_health(self, *, ok: bool, at: datetime) -> None:
        """Remembers since when nothing works, and leaves a receiver alone for a tenth of that time.

        So a server that is down costs few attempts, and what waits for it is not used up. The row's version stays:
        nobody changed the webhook.
        """
        since = None if ok else self.failing_since or at
        pause = since and min(max((at - since) / 10, SHORTEST_PAUSE), LONGEST_PAUSE)
        until = at + pause if pause else None
        if (since, until) != (self.failing_since, self.paused_until):
            self.failing_since, self.paused_until = since, until
            rows = Webhook.objects.filter(pk=self.pk)
            rows.update(failing_since=since, paused_until=until, updated_at=F("updated_at"))

    def try_at_once(self) -> None:
        """Somebody wants to see what happens: no pause, whatever failed before."""
        Webhook.objects.filter(pk=self.pk).update(paused_until=None, updated_at=F("updated_at"))

    def has_tried_long_enough(self, *, at: datetime) -> bool:
        return self.failing_since is not None and at - self.failing_since >= PATIENCE

    def soft_delete(self, *, by: User | None, at: datetime) -> None:
        with transaction.atomic():
            self.lock()
            super().soft_delete(by=by, at=at)
            self._give_up_waiting(at)

    def lock(self) -> None:
        self.refresh_from_db(from_queryset=Webhook.objects.lock())

    def demand_listening(self) -> None:
        if self.deleted_at or not self.is_active:
            message = gettext("The webhook is switched off; switch it on first.")
            raise InvalidTransition(message, source="OFF", target="PENDING", allowed=[])

    def _give_up_waiting(self, at: datetime) -> None:
        self.deliveries.give_up(at=at)

    def _check(self) -> None:
        if not self.events:
            raise ValidationFailed(gettext("Name at least one event, or * for every one."), field="events")
        unknown = catalogue.unknown(self.events)
        if unknown:
            raise ValidationFailed(gettext("There is no event %(name)s.") % {"name": unknown[0]}, field="events")
        self.events = sorted(set(self.events))
        addresses.check(self.url)
