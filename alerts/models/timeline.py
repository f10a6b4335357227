"""What happened to a record, line by line. Alerts and work orders keep their timelines alike."""

from collections.abc import Collection
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Self

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from faultreporter.accounts.models import User
from faultreporter.attachments.models import Attachment
from faultreporter.db import TimeStampedModel, TimeStampedQuerySet
from faultreporter.errors import ValidationFailed
from faultreporter.live.services import announce
from faultreporter.webhooks.catalogue import declare, name_of
from faultreporter.webhooks.services import emit

if TYPE_CHECKING:
    from alerts.models.alert import Alert  # noqa: F401 - names the foreign key's target for the type checker

COMMENTED = "COMMENTED"
PRIVATE = "reporter"
"""In a line's data: name and contact of somebody without an account. For managers, never for webhooks."""
ATTACHED = "ATTACHED"


def public(data: dict[str, Any]) -> dict[str, Any]:
    """A line's data without what only managers may know."""
    return {name: value for name, value in data.items() if name != PRIVATE}


class TimelineQuerySet(TimeStampedQuerySet[Any]):
    def comments(self) -> Self:
        return self.filter(kind=COMMENTED)


class TimelineEvent(TimeStampedModel):
    """One line of a timeline: what happened, when, and by whose hand (nobody's: the system did it).

    `at` is when it happened, which a phone that was offline says; `created_at` is when we learned of it.
    """

    at = models.DateTimeField(_("at"), default=timezone.now)
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", db_index=False,
        verbose_name=_("by"),
    )  # fmt: skip
    note = models.TextField(_("note"), blank=True)
    data = models.JSONField(_("data"), default=dict, blank=True)

    objects = TimelineQuerySet.as_manager()

    class Meta:
        abstract = True
        verbose_name = _("timeline entry")
        verbose_name_plural = _("timeline")
        ordering = ("-at", "-id")

    if TYPE_CHECKING:
        kind: models.CharField[str, str]

        def get_kind_display(self) -> str: ...

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.at:%Y-%m-%d %H:%M}"


class AlertEvent(TimelineEvent):
    """One line of an alert's timeline."""

    class Kind(models.TextChoices):
        RAISED = "RAISED", _("Raised")
        REPEATED = "REPEATED", _("Reported again")
        FIRED_AGAIN = "FIRED_AGAIN", _("Condition returned")
        CLEARED = "CLEARED", _("Condition cleared")
        EDITED = "EDITED", _("Edited")
        COMMENTED = "COMMENTED", _("Commented")
        ATTACHED = "ATTACHED", _("Files added")
        ACKNOWLEDGED = "ACKNOWLEDGED", _("Acknowledged")
        SILENCED = "SILENCED", _("Silenced")
        WORK_ORDER = "WORK_ORDER", _("Work order raised")
        REPAIRED = "REPAIRED", _("Repaired, condition not cleared yet")
        RESOLVED = "RESOLVED", _("Resolved")
        DISMISSED = "DISMISSED", _("Dismissed as a false alarm")
        ESCALATED = "ESCALATED", _("Escalated")
        REMINDED = "REMINDED", _("Reminder sent")
        REOPENED = "REOPENED", _("Reopened")
        MERGED = "MERGED", _("Took in a duplicate")
        DELETED = "DELETED", _("Deleted")
        RESTORED = "RESTORED", _("Restored")

    alert = models.ForeignKey("alerts.Alert", models.CASCADE, related_name="events", db_index=False)
    kind = models.CharField(_("kind"), max_length=20, choices=Kind)

    class Meta(TimelineEvent.Meta):
        db_table = "alert_events"
        indexes = [
            # GET /alerts/{id}/timeline, newest first
            models.Index(fields=["alert", "-at", "-id"], name="idx_alert_events_timeline"),
            # alarm performance: what began in a period
            models.Index(
                fields=["at", "alert"],
                condition=models.Q(kind__in=("RAISED", "FIRED_AGAIN")),
                name="idx_alert_events_begun",
            ),
            # "reported by me" also means: I was one of those who reported it again
            models.Index(fields=["by", "alert"], condition=models.Q(kind="REPEATED"), name="idx_alert_events_reporter"),
        ]


declare("alert", AlertEvent.Kind.choices)


class KeepsTimeline(models.Model):
    """A record that moves, with a timeline, comments and files."""

    # Clocks of phones are a little wrong: so much before the last move still means after it.
    CLOCK_SKEW: ClassVar = timedelta(minutes=5)

    moved_at = models.DateTimeField(default=timezone.now, editable=False)  # when its last move was made

    class Meta:
        abstract = True

    NEWS: ClassVar[str]
    """What the record is called in the names of its events: `alert` in `alert.raised`."""

    if TYPE_CHECKING:
        events: Any
        attachments: Any
        equipment: Any
        equipment_id: Any
        status: Any
        title: Any

        def lock(self) -> None: ...

        def particulars(self) -> dict[str, Any]: ...

        def notice(self, event: Any) -> None: ...

    @cached_property
    def files(self) -> list[Attachment]:
        """What is attached, as it was when first asked."""
        return list(self.attachments.all())

    def moves_at(self, at: datetime) -> datetime:
        """When a move said to be made at `at` counts: never before the last one. The row is locked."""
        if at < self.moved_at - self.CLOCK_SKEW:
            message = gettext("Its last move was made at %(time)s UTC; this one can't have been before that.")
            raise ValidationFailed(message % {"time": f"{self.moved_at:%Y-%m-%d %H:%M}"}, field="occurred_at")
        return max(at, self.moved_at)

    def record(
        self, kind: str, *, by: User | None, at: datetime, note: str = "", data: dict[str, Any] | None = None
    ) -> TimelineEvent:
        """Adds a line to the timeline. Everything that happens to the record passes here."""
        event: TimelineEvent = self.events.create(kind=kind, by=by, at=at, note=note, data=data or {})
        self.notice(event)
        emit(event=name_of(self.NEWS, kind), data=lambda: self.news(event), at=at, subject=f"{self.NEWS}:{self.pk}")
        announce(self.NEWS, equipment_id=self.equipment_id, data=self.headline(event))
        return event

    @property
    def url(self) -> str:
        return f"{settings.PUBLIC_URL}/api/v1/{self.NEWS.replace('_', '-')}s/{self.pk}"

    def headline(self, event: TimelineEvent) -> dict[str, Any]:
        """What live streams are told about a line of the timeline: enough for a list on a screen, and where to ask."""
        shown = ("number", "severity", "priority", "type", "source")
        return {
            "id": str(self.pk),
            "event": event.kind,
            "changed_at": event.at,
            "title": self.title,
            "status": self.status,
            **{name: value for name, value in self.particulars().items() if name in shown},
            "url": self.url,
        }

    def news(self, event: TimelineEvent) -> dict[str, Any]:
        """What webhooks are told about a line of the timeline."""
        return {
            self.NEWS: {
                "id": str(self.pk),
                "url": self.url,
                "status": self.status,
                "title": self.title,
                **self.particulars(),
                "equipment": {
                    "id": str(self.equipment_id),
                    "code": self.equipment.equipment_code,
                    "name": self.equipment.equipment_name,
                },
            },
            "by": event.by and {"id": str(event.by.pk), "name": event.by.display_name},
            "note": event.note,
            "details": public(event.data),
        }

    def comment(self, *, text: str, by: User, at: datetime, attachments: Collection[Attachment] = ()) -> TimelineEvent:
        with transaction.atomic():
            self.lock()
            if not text.strip():
                raise ValidationFailed(gettext("Say something here."), field="text")
            return self.record(COMMENTED, by=by, at=at, note=text, data=self._join(attachments))

    def attach(self, attachments: Collection[Attachment], *, by: User, at: datetime) -> None:
        with transaction.atomic():
            self.lock()
            self.record(ATTACHED, by=by, at=at, data=self._join(attachments))

    def _join(self, attachments: Collection[Attachment]) -> dict[str, Any]:
        """Files become the record's; what the timeline says of them. The record's version moves."""
        self.attachments.add(*attachments)
        self.save(update_fields=[])
        return {"attachment_ids": [str(attachment.pk) for attachment in attachments]} if attachments else {}
