"""The tasks of a work order: what the technician ticks, measures, photographs, and what failed."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, ClassVar, Final, NoReturn, Self

from django.conf import settings
from django.db import models, transaction
from django.db.models import Count, OuterRef, Q, Subquery
from django.db.models.functions import JSONObject
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from faultreporter.accounts.models import User
from faultreporter.attachments.models import Attachment
from faultreporter.db import TimeStampedQuerySet
from faultreporter.errors import InvalidTransition, NotFound, ValidationFailed
from workorders.models.checklists import ChecklistLine, ChecklistTemplate
from workorders.models.states import UNFINISHED
from workorders.models.timeline import WorkOrderEvent

if TYPE_CHECKING:
    from workorders.models.order import WorkOrder

LARGEST: Final = Decimal("1e12")
SMALLEST: Final = Decimal("0.000001")


class WorkOrderTaskQuerySet(TimeStampedQuerySet["WorkOrderTask"]):
    def to_do(self) -> Self:
        """Neither done nor skipped."""
        return self.filter(outcome="")

    def progress(self) -> Subquery:
        """For an annotation of work orders: how many tasks each has, how many are over, how many failed."""
        counts = JSONObject(
            total=Count("pk"), done=Count("pk", filter=~Q(outcome="")), failed=Count("pk", filter=Q(outcome="FAILED"))
        )
        mine = self.filter(work_order=OuterRef("pk")).order_by().values("work_order")
        return Subquery(mine.annotate(progress=counts).values("progress"))


class WorkOrderTask(ChecklistLine):
    """One item on an order's checklist, with its result once it has one.

    The order's row is locked before the task's. A finished order's tasks stay as they are.
    """

    class Outcome(models.TextChoices):
        OK = "OK", _("OK")
        FAILED = "FAILED", _("Failed")
        SKIPPED = "SKIPPED", _("Skipped")

    MOST_OF_AN_ORDER: ClassVar = 200

    audited: ClassVar[bool] = True

    work_order = models.ForeignKey(
        "workorders.WorkOrder", models.CASCADE, related_name="tasks", db_index=False, verbose_name=_("work order")
    )
    template = models.ForeignKey(
        ChecklistTemplate, models.PROTECT, null=True, blank=True, editable=False, related_name="+", db_index=False,
        verbose_name=_("checklist"),
    )  # fmt: skip
    outcome = models.CharField(_("outcome"), max_length=10, choices=Outcome, blank=True, editable=False)
    number = models.DecimalField(_("measured"), max_digits=18, decimal_places=6, null=True, blank=True, editable=False)
    text = models.TextField(_("answer"), blank=True, editable=False)
    attachment = models.ForeignKey(
        Attachment, models.PROTECT, null=True, blank=True, editable=False, related_name="+", verbose_name=_("photo")
    )
    note = models.TextField(_("note"), blank=True, editable=False)
    done_at = models.DateTimeField(_("done at"), null=True, blank=True, editable=False)
    done_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, editable=False, related_name="+",
        db_index=False, verbose_name=_("done by"),
    )  # fmt: skip
    raised_order = models.OneToOneField(
        "workorders.WorkOrder", models.PROTECT, null=True, blank=True, editable=False, related_name="raised_by_task",
        verbose_name=_("order raised for it"),
    )  # fmt: skip

    objects = WorkOrderTaskQuerySet.as_manager()

    class Meta(ChecklistLine.Meta):
        db_table = "work_order_tasks"
        verbose_name = _("task")
        verbose_name_plural = _("tasks")
        constraints = [
            *ChecklistLine.Meta.constraints,
            models.CheckConstraint(
                condition=Q(outcome="", done_at=None) | (~Q(outcome="") & Q(done_at__isnull=False)),
                name="check_work_order_tasks_done",
            ),
            models.CheckConstraint(
                condition=~Q(outcome="SKIPPED") | ~Q(note=""), name="check_work_order_tasks_skipped"
            ),
        ]  # fmt: skip
        indexes = [
            # the tasks of one order in their order, and the counts of its progress
            models.Index(fields=["work_order", "position", "id"], name="idx_work_order_tasks_order"),
        ]

    if TYPE_CHECKING:

        def get_outcome_display(self) -> str: ...

    @property
    def is_done(self) -> bool:
        return self.outcome != ""

    @property
    def value(self) -> str:
        """The measured number or the written answer, as people write it."""
        return self.text if self.number is None else f"{self.number.normalize():f}"

    def finding(self) -> str:
        """What was found, in words, for whoever is to mend it."""
        measured = f"{self.value} {self.unit}".strip()
        limits = [f"{limit.normalize():f}" if limit is not None else "…" for limit in (self.minimum, self.maximum)]
        if self.number is not None and limits != ["…", "…"]:
            measured += gettext(" (good from %(lowest)s to %(highest)s)") % {"lowest": limits[0], "highest": limits[1]}
        where = gettext("Found by %(number)s.") % {"number": self.work_order.number}
        return "\n".join(part for part in (self.note, measured, where) if part)

    def concerns(self, user: User) -> bool:
        return self.work_order.concerns(user)

    @classmethod
    def add(cls, *, work_order: "WorkOrder", by: User | None, at: datetime, **line: Any) -> "WorkOrderTask":
        """One more task, at the end of the list."""
        (task,) = cls.add_all([line], work_order=work_order, by=by, at=at)
        return task

    @classmethod
    def add_all(
        cls, lines: Sequence[dict[str, Any]], *, work_order: "WorkOrder", by: User | None, at: datetime
    ) -> "list[WorkOrderTask]":
        """More tasks, in their order at the end of the list."""
        with transaction.atomic():
            tasks = cls._append(work_order, [cls(**line) for line in lines])
            data = {"tasks": [task.title for task in tasks]}
            work_order.record(WorkOrderEvent.Kind.TASKS_ADDED, by=by, at=at, data=data)
        return tasks

    @classmethod
    def add_from_template(
        cls, work_order: "WorkOrder", template: ChecklistTemplate, *, by: User | None, at: datetime
    ) -> "list[WorkOrderTask]":
        """The lines of a checklist as tasks of the order. One that the order has already changes nothing.

        For a new order inside the transaction that makes it, too: a plan that raises orders calls this.
        """
        with transaction.atomic():
            lock_unfinished(work_order)
            present = list(work_order.tasks.filter(template=template))
            if present:
                return present
            lines = [{name: getattr(item, name) for name in cls.WHAT} for item in template.items.all()]
            tasks = cls._append(work_order, [cls(template=template, **line) for line in lines])
            data = {"template": template.name, "tasks": [task.title for task in tasks]}
            work_order.record(WorkOrderEvent.Kind.TASKS_ADDED, by=by, at=at, note=template.name, data=data)
        return tasks

    @classmethod
    def _append(cls, work_order: "WorkOrder", tasks: "list[WorkOrderTask]") -> "list[WorkOrderTask]":
        lock_unfinished(work_order)
        present = work_order.tasks.count()
        if present + len(tasks) > cls.MOST_OF_AN_ORDER:
            limit = gettext("An order has at most %(limit)d tasks.") % {"limit": cls.MOST_OF_AN_ORDER}
            raise ValidationFailed(limit)
        for position, task in enumerate(tasks, start=present + 1):
            task.work_order, task.position = work_order, position
            task.check_line()
        WorkOrderTask.objects.bulk_create(tasks)
        return tasks

    def check_line(self) -> None:
        """What the table's constraints would refuse, in words and at the field."""
        limits = self.minimum, self.maximum
        if self.kind != self.Kind.NUMBER and (self.unit or limits != (None, None)):
            raise ValidationFailed(gettext("Only a number has a unit and limits."), field="kind")
        if self.minimum is not None and self.maximum is not None and self.minimum > self.maximum:
            raise ValidationFailed(gettext("The lowest good value is above the highest."), field="minimum")

    def change(self, *, by: User, at: datetime, position: int | None = None, **line: Any) -> None:
        """Word it otherwise, or move it to another place in the list; what has a result is only moved."""
        with transaction.atomic():
            self.lock()
            changed = {name: value for name, value in line.items() if value != getattr(self, name)}
            if changed and self.is_done:
                self._refuse(gettext("The task has a result; reopen it to change what it asks."), target="CHANGED")
            for name, value in changed.items():
                setattr(self, name, value)
            self.check_line()
            if changed:
                self.save(update_fields=list(changed))
            if position is not None:
                self._move_to(position)

    def _move_to(self, position: int) -> None:
        tasks = [task for task in self.work_order.tasks.all() if task.pk != self.pk]
        tasks.insert(position - 1, self)
        moved = []
        for place, task in enumerate(tasks, start=1):
            if task.position != place:
                task.position = place
                moved.append(task)
        for task in moved:
            task.save(update_fields=["position"])

    def remove(self) -> None:
        """Take it off the list. One with a result stays on record."""
        with transaction.atomic():
            self.lock()
            if self.is_done:
                self._refuse(gettext("The task has a result; it stays on record."), target="DELETED")
            self.work_order.tasks.filter(position__gt=self.position).update(position=models.F("position") - 1)
            self.delete()

    def complete(
        self, *, by: User, at: datetime, value: str | None = None, passed: bool | None = None,
        attachment: Attachment | None = None, note: str = "",
    ) -> None:  # fmt: skip
        """Write the result down. A number outside its limits has failed, whoever says otherwise."""
        with transaction.atomic():
            self.lock()
            if self.is_done:
                self._refuse(gettext("The task is done already; reopen it to correct the result."), target="DONE")
            self._take(value=value, passed=passed, attachment=attachment)
            self._end(by=by, at=at, note=note)

    def skip(self, *, by: User, at: datetime, reason: str) -> None:
        """It can't or needn't be done, and the record says why."""
        with transaction.atomic():
            self.lock()
            if self.is_done:
                self._refuse(gettext("The task is done already."), target=self.Outcome.SKIPPED)
            if not reason.strip():
                raise ValidationFailed(gettext("Say something here."), field="reason")
            self.outcome = self.Outcome.SKIPPED
            self._end(by=by, at=at, note=reason)

    def reopen(self, *, by: User, at: datetime) -> None:
        """The result was wrong: it is to do again. The audit log keeps what stood there."""
        with transaction.atomic():
            self.lock()
            if not self.is_done:
                self._refuse(gettext("The task has no result yet."), target="TO_DO")
            self.outcome = self.text = self.note = ""
            self.number = self.attachment = self.done_at = self.done_by = None
            self.save()
            self.work_order.record(WorkOrderEvent.Kind.TASK_REOPENED, by=by, at=at, note=self.title, data=self._named())

    def lock(self) -> None:
        """Holds the order's row, then this one; a finished order's tasks are only read."""
        lock_unfinished(self.work_order)
        order = self.work_order
        try:
            self.refresh_from_db(from_queryset=WorkOrderTask.objects.select_for_update(of=("self",), no_key=True))
        except WorkOrderTask.DoesNotExist:
            raise NotFound(gettext("This task was deleted.")) from None
        self.work_order = order

    def _take(self, *, value: str | None, passed: bool | None, attachment: Attachment | None) -> None:
        """The result as the task's kind wants it."""
        if self.kind in {self.Kind.NUMBER, self.Kind.TEXT}:
            self._take_value(value)
        elif value is not None:
            raise ValidationFailed(gettext("This kind of task has no value."), field="value")
        if self.kind == self.Kind.PHOTO and attachment is None:
            raise ValidationFailed(gettext("This task wants a photo."), field="attachment_id")
        if self.kind == self.Kind.PASS_FAIL and passed is None:
            raise ValidationFailed(gettext("Say whether it passed."), field="passed")
        if self.number is not None and passed is not None and passed != self.in_limits:
            raise ValidationFailed(gettext("The number decides whether it passed; leave this out."), field="passed")
        self.attachment = attachment
        good = self.in_limits if passed is None else passed
        self.outcome = self.Outcome.OK if good else self.Outcome.FAILED

    def _take_value(self, value: str | None) -> None:
        if value is None or not value.strip():
            raise ValidationFailed(gettext("This task wants a value."), field="value")
        if self.kind == self.Kind.TEXT:
            self.text = value
            return
        self.number = number_in(value)

    @property
    def in_limits(self) -> bool:
        number = self.number
        if number is None:
            return True
        return not (self._below(number) or self._above(number))

    def _below(self, number: Decimal) -> bool:
        return self.minimum is not None and number < self.minimum

    def _above(self, number: Decimal) -> bool:
        return self.maximum is not None and number > self.maximum

    def _end(self, *, by: User, at: datetime, note: str) -> None:
        self.note, self.done_at, self.done_by = note, at, by
        self.save()
        if self.outcome == self.Outcome.OK:  # thirty ticks would drown the timeline; the task itself says who and when
            return
        failed = self.outcome == self.Outcome.FAILED
        kind = WorkOrderEvent.Kind.TASK_FAILED if failed else WorkOrderEvent.Kind.TASK_SKIPPED
        said = ": ".join(part for part in (self.title, note) if part)
        self.work_order.record(kind, by=by, at=at, note=said, data=self._named() | {"value": self.value})

    def _named(self) -> dict[str, Any]:
        return {"task_id": str(self.pk), "title": self.title}

    def _refuse(self, message: str, *, target: str) -> NoReturn:
        raise InvalidTransition(message, source=self.outcome or "TO_DO", target=target, allowed=[])


def number_in(text: str) -> Decimal:
    """The number that somebody wrote down: 7, -0.5, 1e3; kept to a millionth."""
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        raise ValidationFailed(gettext("This is no number."), field="value") from None
    if not number.is_finite() or abs(number) >= LARGEST:
        raise ValidationFailed(gettext("The number is out of any measure."), field="value")
    return number.quantize(SMALLEST)


def lock_unfinished(work_order: "WorkOrder") -> None:
    """Holds the order's row; refused once the order is finished."""
    work_order.lock()
    if work_order.deleted_at:
        raise NotFound(gettext("This work order was deleted."))
    if work_order.status not in UNFINISHED:
        message = gettext("The order is finished; its tasks stay as they are. Reopen it first.")
        raise InvalidTransition(message, source=work_order.status, target="TASKS", allowed=[])
