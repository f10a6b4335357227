"""Who signed that the work was done, and what exactly it was that they signed."""

import hashlib
import json
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.db import models, transaction
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from faultreporter.accounts.models import User
from faultreporter.attachments.models import Attachment
from faultreporter.db import TimeStampedModel
from faultreporter.errors import InvalidTransition, NotFound, ValidationFailed
from workorders.models.timeline import WorkOrderEvent

if TYPE_CHECKING:
    from workorders.models.order import WorkOrder


class WorkOrderSignature(TimeStampedModel):
    """A name drawn by hand on a phone below the finished work: the technician's, or the customer's.

    It is a picture kept beside a digest of what stood there, no qualified electronic signature. When the order's
    result, tasks or times change afterwards, the digest no longer matches and everybody sees that.
    """

    class Role(models.TextChoices):
        TECHNICIAN = "TECHNICIAN", _("Technician")
        CUSTOMER = "CUSTOMER", _("Customer")

    audited: ClassVar[bool] = True

    work_order = models.ForeignKey(
        "workorders.WorkOrder", models.CASCADE, related_name="signatures", db_index=False, verbose_name=_("work order")
    )
    role = models.CharField(_("role"), max_length=12, choices=Role)
    name = models.CharField(_("name"), max_length=200)
    attachment = models.ForeignKey(Attachment, models.PROTECT, related_name="+", verbose_name=_("signature"))
    signed_at = models.DateTimeField(_("signed at"))
    handed_in_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", db_index=False, verbose_name=_("handed in by")
    )
    digest = models.CharField(_("digest of what was signed"), max_length=64)

    class Meta:
        db_table = "work_order_signatures"
        verbose_name = _("signature")
        verbose_name_plural = _("signatures")
        ordering = ("signed_at", "id")
        indexes = [
            # the signatures of one order, in order of time
            models.Index(fields=["work_order", "signed_at", "id"], name="idx_work_order_signatures"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.get_role_display()})"

    @classmethod
    def add(
        cls, *, work_order: "WorkOrder", role: str, name: str, attachment: Attachment, by: User, at: datetime
    ) -> "WorkOrderSignature":
        """Sign finished work. Signing again, after something changed, adds another one."""
        with transaction.atomic():
            work_order.lock()
            if work_order.deleted_at:
                raise NotFound(gettext("This work order was deleted."))
            if work_order.status not in {"COMPLETED", "CLOSED"}:
                message = gettext("Complete the work first, then sign it.")
                raise InvalidTransition(message, source=work_order.status, target="SIGNED", allowed=["COMPLETED"])
            if attachment.kind != Attachment.Kind.IMAGE:
                raise ValidationFailed(gettext("A signature is a picture."), field="attachment_id")
            signature = cls(
                work_order=work_order, role=role, name=name, attachment=attachment, signed_at=at, handed_in_by=by,
                digest=digest_of(work_order),
            )  # fmt: skip
            signature.save(force_insert=True)
            data = {"role": role, "name": name, "digest": signature.digest}
            work_order.record(WorkOrderEvent.Kind.SIGNED, by=by, at=at, note=str(signature), data=data)
            work_order.save(update_fields=[])
        return signature

    @property
    def still_matches(self) -> bool:
        """Whether the order says today what was signed."""
        return self.digest == digest_of(self.work_order)


def digest_of(order: "WorkOrder") -> str:
    """SHA-256 over what a signature stands for: what was done and found, the tasks, the times."""
    facts = {
        "number": order.number,
        "equipment": str(order.equipment_id),
        "resolution": order.resolution,
        "failure_mode": str(order.failure_mode_id or ""),
        "cause": order.cause,
        "remedy": order.remedy,
        "labour_minutes": order.labour_minutes,
        "started_at": moment(order.started_at),
        "completed_at": moment(order.completed_at),
        "completed_by": str(order.completed_by_id or ""),
        "tasks": [task_facts(task) for task in order.tasks.order_by("position", "id")],
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def task_facts(task: Any) -> list[str]:
    done_by, photo = str(task.done_by_id or ""), str(task.attachment_id or "")
    return [task.title, task.kind, task.outcome, task.value, task.note, photo, done_by, moment(task.done_at)]


def moment(at: datetime | None) -> str:
    return at.isoformat() if at else ""
