"""The files of a work order, each with the moment of the work that it shows."""

from collections.abc import Collection
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from django.db import models, transaction
from django.utils.translation import gettext_lazy as _

from alerts.models.timeline import ATTACHED
from faultreporter.accounts.models import User
from faultreporter.attachments.models import Attachment
from faultreporter.db import TimeStampedModel


class WorkOrderAttachment(TimeStampedModel):
    """A file of a work order, and whether it shows the machine before the work or after it."""

    class Phase(models.TextChoices):
        BEFORE = "BEFORE", _("Before the work")
        AFTER = "AFTER", _("After the work")
        OTHER = "OTHER", _("Other")

    audited: ClassVar[bool] = True

    work_order = models.ForeignKey(
        "workorders.WorkOrder", models.CASCADE, related_name="attachment_links", db_index=False,
        verbose_name=_("work order"),
    )  # fmt: skip
    attachment = models.ForeignKey(Attachment, models.CASCADE, related_name="+", verbose_name=_("attachment"))
    phase = models.CharField(_("phase"), max_length=10, choices=Phase, default=Phase.OTHER)

    class Meta:
        db_table = "work_order_attachments"
        verbose_name = _("file of a work order")
        verbose_name_plural = _("files of work orders")
        constraints = [
            models.UniqueConstraint(fields=["work_order", "attachment"], name="uniq_work_order_attachments"),
        ]

    def __str__(self) -> str:
        return f"{self.attachment} ({self.get_phase_display()})"

    @property
    def file(self) -> Attachment:
        """The attachment, which also knows its phase here."""
        return phased(self.attachment, self.phase)


def phased(attachment: Attachment, phase: str) -> Attachment:
    attachment.phase = phase  # type: ignore[attr-defined]  # of this order only; the attachment itself has none
    return attachment


class HasPhasedFiles(models.Model):
    """The files of an order by phase."""

    class Meta:
        abstract = True

    if TYPE_CHECKING:
        attachments: Any
        attachment_links: Any

        def lock(self) -> None: ...

        def record(self, kind: str, *, by: User | None, at: datetime, data: dict[str, Any] | None = None) -> Any: ...

    @cached_property
    def files(self) -> list[Attachment]:
        """What is attached, newest first, as it was when first asked."""
        links = self.attachment_links.select_related("attachment").order_by("-attachment__created_at", "-attachment_id")
        return [link.file for link in links]

    def add_files(self, attachments: Collection[Attachment], *, phase: str) -> None:
        """The files of a new order."""
        links = [WorkOrderAttachment(work_order_id=self.pk, attachment=file, phase=phase) for file in attachments]
        if links:
            WorkOrderAttachment.objects.bulk_create(links)
        self.files = [phased(attachment, phase) for attachment in attachments]

    def attach(
        self, attachments: Collection[Attachment], *, by: User, at: datetime,
        phase: str = WorkOrderAttachment.Phase.OTHER,
    ) -> None:  # fmt: skip
        """Add files. One that is there already takes the phase said now."""
        with transaction.atomic():
            self.lock()
            self.attachments.add(*attachments, through_defaults={"phase": phase})
            self.attachment_links.filter(attachment__in=attachments).exclude(phase=phase).update(phase=phase)
            self.save(update_fields=[])  # its version moves
            ids = [str(attachment.pk) for attachment in attachments]
            self.record(ATTACHED, by=by, at=at, data={"attachment_ids": ids, "phase": phase})
