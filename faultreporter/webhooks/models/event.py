import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from faultreporter.db import uuid7

KEPT_FOR = timedelta(days=30)


def as_text(moment: datetime) -> str:
    """RFC 3339 in UTC, like every time of the API."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class WebhookEvent(models.Model):
    """Something that happened and that a webhook wanted to hear of. Kept for 30 days.

    The key is a sequence: events of one record have it in the order in which they happened here.
    """

    id = models.BigAutoField(primary_key=True)
    uid = models.UUIDField(_("id"), default=uuid7, unique=True, editable=False)
    type = models.CharField(_("event"), max_length=60)
    subject = models.CharField(_("about"), max_length=100, blank=True)
    data = models.JSONField(_("data"), default=dict, encoder=DjangoJSONEncoder)
    occurred_at = models.DateTimeField(_("occurred at"))
    created_at = models.DateTimeField(_("created at"), default=timezone.now)

    class Meta:
        db_table = "webhook_events"
        verbose_name = _("webhook event")
        verbose_name_plural = _("webhook events")
        ordering = ("-id",)
        indexes = [
            # what is forgotten after 30 days
            models.Index(fields=["created_at"], name="idx_webhook_events_age"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.subject}".strip()

    @property
    def message_id(self) -> str:
        """The same at every sending, so that a receiver knows a repeat."""
        return str(uuid.UUID(str(self.uid)))

    def payload(self) -> dict[str, Any]:
        """What is sent."""
        return {
            "id": self.message_id,
            "type": self.type,
            "sequence": self.pk,
            "occurred_at": as_text(self.occurred_at),
            "created_at": as_text(self.created_at),
            "data": self.data,
        }
