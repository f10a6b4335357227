"""What an order waits for: its required tasks, the orders that block it, its unfinished parts."""

from functools import cached_property
from typing import TYPE_CHECKING, Any, TypedDict, cast

from django.contrib.postgres.expressions import ArraySubquery
from django.db import models
from django.db.models import OuterRef, Subquery
from django.db.models.functions import JSONObject
from django.utils.translation import gettext, ngettext

from alerts.lifecycle import Refusal
from faultreporter.errors import DomainError, HasOpenWork
from workorders.models.relations import WorkOrderRelation, awaited
from workorders.models.tasks import WorkOrderTask

Named = dict[str, str]


class Progress(TypedDict):
    """How far the tasks are: those that are over are done, failed ones among them."""

    total: int
    done: int
    failed: int


NOTHING_TO_DO = Progress(total=0, done=0, failed=0)


class TasksOpen(DomainError):
    """Required tasks are neither done nor skipped; `meta.tasks` lists them."""

    code = "TASKS_OPEN"
    http_status = 409


class Blocked(DomainError):
    """The order waits for others; `meta.work_orders` names them."""

    code = "BLOCKED"
    http_status = 409


def progress() -> Subquery:
    return WorkOrderTask.objects.progress()


def obstacles() -> dict[str, ArraySubquery]:
    """For an annotation: the open required tasks, the unfinished blockers and the unfinished parts."""
    tasks = WorkOrderTask.objects.to_do().filter(required=True, work_order=OuterRef("pk"))
    kinds = WorkOrderRelation.Kind
    return {
        "open_tasks": ArraySubquery(tasks.order_by("position").values(one=JSONObject(id="id", title="title"))),
        "open_blockers": named_orders(awaited(kinds.BLOCKED_BY), "other"),
        "open_children": named_orders(awaited(kinds.CHILD_OF), "order"),
    }


def named_orders(relations: Any, far: str) -> ArraySubquery:
    return ArraySubquery(relations.values(one=JSONObject(id=f"{far}__id", number=f"{far}__number")))


class HasObstacles(models.Model):
    """An order's tasks and links, as far as they hold up its moves."""

    class Meta:
        abstract = True

    if TYPE_CHECKING:
        tasks: Any

    @cached_property
    def task_progress(self) -> Progress | None:
        """From the list's own query where that brought it along."""
        counts = self._annotated(task_progress=progress())["task_progress"]
        return cast("Progress | None", counts)

    @property
    def progress(self) -> Progress:
        return self.task_progress or NOTHING_TO_DO

    def obstacle_to(self, action: str) -> DomainError | None:
        """Why the move would be refused though the status allows it."""
        if action not in {"start", "complete"}:
            return None
        if "open_tasks" not in self.__dict__:
            self.__dict__.update(self._annotated(**obstacles()))
        if action == "start":
            return self._blocked()
        return self._tasks_open() or self._children_open()

    def refuse_if_held_up(self, action: str) -> None:
        """The row was locked just now, and so nobody changes its tasks meanwhile."""
        error = self.obstacle_to(action)
        if error:
            raise error

    def with_refusals(self, moves: list[Any]) -> list[Any]:
        """The moves, each with the reason why it would be refused now, if there is one."""
        for move in moves:
            error = self.obstacle_to(move["action"])
            move["blocked"] = error and Refusal(code=error.code, message=error.message)
        return moves

    def expect_nothing(self) -> None:
        """A new order has neither tasks nor links; no query needs to say so."""
        self.__dict__.update(task_progress=None, open_tasks=[], open_blockers=[], open_children=[])

    def forget_obstacles(self) -> None:
        """What was read before the row was locked may have changed."""
        for name in ("task_progress", "open_tasks", "open_blockers", "open_children"):
            self.__dict__.pop(name, None)

    def _annotated(self, **annotations: Any) -> dict[str, Any]:
        rows = type(self)._default_manager.filter(pk=self.pk).annotate(**annotations)
        return dict(rows.values(*annotations).get())

    def _tasks_open(self) -> DomainError | None:
        tasks: list[Named] = self.__dict__["open_tasks"]
        if not tasks:
            return None
        message = ngettext(
            "%(count)d required task is open: do it, or skip it with a reason.",
            "%(count)d required tasks are open: do them, or skip them with a reason.",
            len(tasks),
        )
        return TasksOpen(message % {"count": len(tasks)}, meta={"tasks": tasks})

    def _blocked(self) -> DomainError | None:
        orders: list[Named] = self.__dict__["open_blockers"]
        if not orders:
            return None
        message = gettext("It waits for %(numbers)s; finish that first, or remove the link if it no longer holds.")
        return Blocked(message % {"numbers": numbers_of(orders)}, meta={"work_orders": orders})

    def _children_open(self) -> DomainError | None:
        orders: list[Named] = self.__dict__["open_children"]
        if not orders:
            return None
        message = gettext("Its part %(numbers)s is unfinished.") % {"numbers": numbers_of(orders)}
        return HasOpenWork(message, meta={"work_orders": orders})


def numbers_of(orders: list[Named]) -> str:
    return ", ".join(order["number"] for order in orders)
