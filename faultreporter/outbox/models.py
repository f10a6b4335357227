"""Work that is to be done after a transaction commits, kept where the transaction is."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Self

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class OutboxQuerySet(models.QuerySet["OutboxMessage"]):
    def pending(self) -> Self:
        return self.filter(published_at=None)

    def due(self, at: datetime) -> Self:
        return self.pending().filter(available_at__lte=at)

    def published_before(self, at: datetime) -> Self:
        return self.filter(published_at__lt=at)

    def mark_published(self, ids: Sequence[int], *, at: datetime) -> int:
        return self.filter(pk__in=ids).update(published_at=at, attempts=models.F("attempts") + 1, last_error="")

    def backlog(self, at: datetime) -> tuple[int, timedelta]:
        """How many messages are due and not yet published, and how long the oldest has waited."""
        found = self.due(at).aggregate(count=models.Count("id"), oldest=models.Min("available_at"))
        return found["count"], at - found["oldest"] if found["oldest"] else timedelta()


class OutboxMessage(models.Model):
    """A wake-up for a background worker, written in the same transaction as the change that needs it.

    The relay sends it to the broker after the commit. It may be sent twice, with the same task id, but is never lost;
    so tasks look at the state of their row before they do anything.
    """

    id = models.BigAutoField(primary_key=True)
    task = models.CharField(_("task"), max_length=200)
    payload = models.JSONField(_("arguments"), default=dict, encoder=DjangoJSONEncoder)
    request_id = models.CharField(_("request id"), max_length=200, blank=True)
    created_at = models.DateTimeField(_("created at"), default=timezone.now, editable=False)
    available_at = models.DateTimeField(_("not before"), default=timezone.now)
    published_at = models.DateTimeField(_("published at"), null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    last_error = models.TextField(_("last error"), blank=True)

    objects = OutboxQuerySet.as_manager()

    class Meta:
        db_table = "outbox_messages"
        ordering = ["-id"]
        verbose_name = _("outbox message")
        verbose_name_plural = _("outbox messages")
        indexes = [
            # What the relay takes next, in the order it was written.
            models.Index(fields=["id"], condition=models.Q(published_at=None), name="idx_outbox_messages_pending"),
            # What pruning removes.
            models.Index(fields=["published_at"], name="idx_outbox_messages_published"),
        ]

    def __str__(self) -> str:
        return f"{self.task} {self.pk}"

    @property
    def task_id(self) -> str:
        """The same for every sending of this message, so that a repeat is recognisable in logs."""
        return f"outbox-{self.pk}"

    def postpone(self, *, at: datetime, error: Exception) -> None:
        """This message can't be sent as it is: try again later, less and less often, and say why."""
        self.attempts += 1
        self.available_at = at + timedelta(minutes=min(2**self.attempts, 60))
        self.last_error = f"{type(error).__name__}: {error}"[:2000]
        self.save(update_fields=["attempts", "available_at", "last_error"])
