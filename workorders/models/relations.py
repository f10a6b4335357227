"""How work orders hang together: which is another's duplicate, waits for it, is part of it, or follows from it."""

from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Final
from uuid import UUID

from django.conf import settings
from django.db import connection, models, transaction
from django.db.models import F, Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from alerts.models import Alert
from faultreporter.accounts.models import User
from faultreporter.db import TimeStampedModel, TimeStampedQuerySet
from faultreporter.errors import DomainError, Duplicate, InvalidTransition, NotFound, ValidationFailed
from faultreporter.locks import Lock, hold
from workorders.models.states import UNFINISHED
from workorders.models.timeline import WorkOrderEvent

if TYPE_CHECKING:
    from workorders.models.order import WorkOrder

REACHES_SQL: Final = """
WITH RECURSIVE reached(id) AS (
    SELECT %(start)s::uuid
    UNION
    SELECT step.id FROM reached CROSS JOIN LATERAL (
        SELECT other_id AS id FROM work_order_relations WHERE order_id = reached.id AND kind = ANY(%(forward)s)
        UNION ALL
        SELECT order_id FROM work_order_relations WHERE other_id = reached.id AND kind = ANY(%(backward)s)
    ) AS step
)
SELECT EXISTS (SELECT FROM reached WHERE id = %(end)s::uuid)"""


class RelationCycle(DomainError):
    """The link would make an order wait for itself, over however many others."""

    code = "RELATION_CYCLE"
    http_status = 409


class WorkOrderRelationQuerySet(TimeStampedQuerySet["WorkOrderRelation"]):
    def of(self, order: "WorkOrder") -> "WorkOrderRelationQuerySet":
        """Those that the order has a part in, from either side."""
        return self.filter(Q(order=order) | Q(other=order)).order_by("created_at", "id")


class WorkOrderRelation(TimeStampedModel):
    """`order` is a duplicate of, blocked by, a child of or a follow-up of `other`.

    A blocked order can't start, a parent can't be completed, before the other is finished; a follow-up holds nothing
    up. Blocked-by and child-of together never go round in a circle.
    """

    class Kind(models.TextChoices):
        DUPLICATE_OF = "DUPLICATE_OF", _("Duplicate of")
        BLOCKED_BY = "BLOCKED_BY", _("Blocked by")
        CHILD_OF = "CHILD_OF", _("Part of")
        FOLLOW_UP_OF = "FOLLOW_UP_OF", _("Follows from")

    class Inverse(models.TextChoices):
        DUPLICATED_BY = "DUPLICATED_BY", _("Duplicated by")
        BLOCKS = "BLOCKS", _("Blocks")
        PARENT_OF = "PARENT_OF", _("Has the part")
        FOLLOWED_BY = "FOLLOWED_BY", _("Led to")

    INVERSE: ClassVar = dict(zip(Kind.values, Inverse.values, strict=True))
    FORWARD: ClassVar = {inverse: kind for kind, inverse in zip(Kind.values, Inverse.values, strict=True)}
    # An order may be the part or the duplicate of one other only.
    AT_MOST_ONE: ClassVar = (Kind.CHILD_OF, Kind.DUPLICATE_OF)

    audited: ClassVar[bool] = True

    order = models.ForeignKey(
        "workorders.WorkOrder", models.CASCADE, related_name="relations", db_index=False, verbose_name=_("work order")
    )
    kind = models.CharField(_("kind"), max_length=20, choices=Kind)
    other = models.ForeignKey(
        "workorders.WorkOrder", models.CASCADE, related_name="inverse_relations", db_index=False,
        verbose_name=_("other work order"),
    )  # fmt: skip
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, editable=False, related_name="+",
        db_index=False, verbose_name=_("created by"),
    )  # fmt: skip

    objects = WorkOrderRelationQuerySet.as_manager()

    class Meta:
        db_table = "work_order_relations"
        verbose_name = _("link between work orders")
        verbose_name_plural = _("links between work orders")
        constraints = [
            # also the way from an order to the others
            models.UniqueConstraint(fields=["order", "kind", "other"], name="uniq_work_order_relations"),
            models.UniqueConstraint(
                fields=["order", "kind"],
                condition=Q(kind__in=("CHILD_OF", "DUPLICATE_OF")),
                name="uniq_work_order_relations_single",
            ),
            models.CheckConstraint(condition=~Q(order=F("other")), name="check_work_order_relations_self"),
        ]
        indexes = [
            # from the other side: what an order blocks, its parts, its duplicates
            models.Index(fields=["other", "kind"], name="idx_work_order_relations_other"),
        ]

    def __str__(self) -> str:
        return f"{self.order.number} {self.get_kind_display()} {self.other.number}"

    def seen_from(self, order: "WorkOrder") -> "tuple[str, WorkOrder]":
        """How the order stands to the other one, and which that is."""
        if self.order_id == order.pk:
            return self.kind, self.other
        return self.INVERSE[self.kind], self.order

    def concerns(self, user: User) -> bool:
        return self.order.concerns(user) or self.other.concerns(user)

    @classmethod
    def follow_up(cls, order: "WorkOrder", *, other: "WorkOrder", by: User | None, at: datetime) -> None:
        """Link a new order to the one that led to it. Nothing points at it yet, so no circle can close."""
        relation = cls(order=order, kind=cls.Kind.FOLLOW_UP_OF, other=other, created_by=by, created_at=at)
        relation.save(force_insert=True)
        relation._record(WorkOrderEvent.Kind.RELATED, by=by, at=at)

    @classmethod
    def add(
        cls, *, order: "WorkOrder", kind: str, other: "WorkOrder", by: User | None, at: datetime
    ) -> "WorkOrderRelation":
        """Link two orders; `kind` may be said from either side. A duplicate nobody worked on is cancelled."""
        if kind in cls.FORWARD:
            order, kind, other = other, cls.FORWARD[kind], order
        if order.pk == other.pk:
            raise ValidationFailed(gettext("An order can't be linked to itself."), field="work_order_id")
        with transaction.atomic():
            lock_both(order, other)
            relation = cls(order=order, kind=kind, other=other, created_by=by, created_at=at)
            relation._check()
            relation.save(force_insert=True)
            relation._record(WorkOrderEvent.Kind.RELATED, by=by, at=at)
            if kind == cls.Kind.DUPLICATE_OF:
                order.give_way_to(other, by=by, at=at)
        return relation

    def remove(self, *, by: User | None, at: datetime) -> None:
        """The link no longer holds. A cancelled duplicate is not revived, but nobody stands for its alert any more."""
        with transaction.atomic():
            lock_both(self.order, self.other)
            if not WorkOrderRelation.objects.filter(pk=self.pk).delete()[0]:
                return
            self._record(WorkOrderEvent.Kind.UNRELATED, by=by, at=at)
            if self.kind == self.Kind.DUPLICATE_OF and self.order.is_finished:
                note = gettext("Work order %(number)s is no duplicate of %(other)s any more.")
                said = note % {"number": self.order.number, "other": self.other.number}
                self.order.hand_alerts_back(by=by, at=at, note=said)

    def _check(self) -> None:
        for order in (self.order, self.other):
            if order.deleted_at:
                raise NotFound(gettext("This work order was deleted."))
        mine = WorkOrderRelation.objects.filter(order=self.order, kind=self.kind)
        if self.kind not in self.AT_MOST_ONE:
            mine = mine.filter(other=self.other)
        if mine.exists():
            raise Duplicate(gettext("The order has such a link already."), field="work_order_id")
        if self.kind == self.Kind.CHILD_OF and self.other.is_finished and not self.order.is_finished:
            message = gettext("A finished order can't take on unfinished parts.")
            raise InvalidTransition(message, source=self.other.status, target="PARENT_OF", allowed=[])
        if self._closes_a_circle():
            raise RelationCycle(gettext("The orders would wait for each other."))

    def _closes_a_circle(self) -> bool:
        kinds = self.Kind
        if self.kind == kinds.DUPLICATE_OF:
            return reaches(self.other_id, self.order_id, forward=[kinds.DUPLICATE_OF])
        if self.kind == kinds.FOLLOW_UP_OF:
            return reaches(self.other_id, self.order_id, forward=[kinds.FOLLOW_UP_OF])
        waiting, awaited = self.order_id, self.other_id
        if self.kind == kinds.CHILD_OF:  # the parent waits for its part
            waiting, awaited = awaited, waiting
        return reaches(awaited, waiting, forward=[kinds.BLOCKED_BY], backward=[kinds.CHILD_OF])

    def _record(self, what: str, *, by: User | None, at: datetime) -> None:
        for order in (self.order, self.other):
            kind, other = self.seen_from(order)
            data = {"kind": kind, "work_order_id": str(other.pk), "number": other.number}
            order.record(what, by=by, at=at, note=f"{self.word(kind)} {other.number}", data=data)
            order.save(update_fields=[])  # its version moves

    @classmethod
    def word(cls, kind: str) -> str:
        """The kind in words, from either side."""
        return str(cls.Kind(kind).label if kind in cls.Kind.values else cls.Inverse(kind).label)


KINDS: Final = [*WorkOrderRelation.Kind.choices, *WorkOrderRelation.Inverse.choices]
"""A link's kind as either of its two orders says it."""


def lock_both(order: "WorkOrder", other: "WorkOrder") -> None:
    """Holds the right to link orders, then both rows in the order of their keys.

    Two links made at once could close a circle of which each sees only its half, so they are made one after the other.
    """
    hold(Lock.LINKS_OF_ORDERS)
    for one in sorted((order, other), key=lambda one: one.pk):
        one.lock()


def reaches(start: UUID, end: UUID, *, forward: Collection[str] = (), backward: Collection[str] = ()) -> bool:
    """Whether links of those kinds, followed forward or backward, lead from one order to the other."""
    sides: dict[str, Any] = {"forward": list(map(str, forward)), "backward": list(map(str, backward))}
    with connection.cursor() as cursor:
        cursor.execute(REACHES_SQL, {"start": start, "end": end, **sides})
        (found,) = cursor.fetchone()
    return bool(found)


def awaited(kind: str) -> "models.QuerySet[WorkOrderRelation]":
    """For a subquery over orders: the links through which unfinished others hold them up."""
    mine, far = ("other", "order") if kind == WorkOrderRelation.Kind.CHILD_OF else ("order", "other")
    unfinished = {f"{far}__status__in": UNFINISHED, f"{far}__deleted_at": None, mine: models.OuterRef("pk")}
    return WorkOrderRelation.objects.filter(kind=kind, **unfinished).order_by(f"{far}__number")


class HasRelations(models.Model):
    """What links to others mean for an order."""

    class Meta:
        abstract = True

    if TYPE_CHECKING:
        relations: Any
        inverse_relations: Any

    def give_way_to(self: Any, other: "WorkOrder", *, by: User | None, at: datetime) -> None:
        """It was the same job twice. Unless work is logged it ends here, and its alert goes on with the other order."""
        if self.is_finished or self.has_logged_work:
            return
        reason = gettext("Duplicate of %(number)s.") % {"number": other.number}
        self.cancel(by=by, at=max(at, self.moved_at), reason=reason)
        if self.alert is None:
            return
        self.alert.lock()
        if other.alert_id is None and other.equipment_id == self.equipment_id:
            other.alert = self.alert
            other.save(update_fields=["alert"])
        if not (self.alert.is_resolved or other.is_finished):
            self.alert.hand_over(by=by, at=at, number=other.number)

    def alerts_mended(self: Any) -> list[Alert]:
        """The alerts that the work ends: its own, and those of the orders it stands for."""
        of_duplicates = Alert.objects.filter(
            deleted_at=None,
            work_orders__status="CANCELLED",
            work_orders__relations__kind=WorkOrderRelation.Kind.DUPLICATE_OF,
            work_orders__relations__other=self,
        )
        own = [self.alert] if self.alert else []
        return [*own, *of_duplicates.exclude(pk=self.alert_id).distinct().order_by("pk")]

    def hand_alerts_back(self: Any, *, by: User | None, at: datetime, note: str) -> None:
        """Nobody will do the work: of its alerts, those that no other order stands for escalate anew."""
        others = type(self).objects.living().unfinished().exclude(pk=self.pk)
        for alert in self.alerts_mended():
            alert.lock()  # before one looks: of two orders dropped at once, the second sees that the first is gone
            if not others.standing_for(alert).exists():
                alert.hand_back(by=by, at=at, number=self.number, note=note)

    def take_alerts_on(self: Any, *, by: User | None, at: datetime) -> None:
        """The order stands again, and so does its word that somebody takes care of its alerts."""
        for alert in self.alerts_mended():
            alert.lock()
            if not (alert.is_resolved or alert.deleted_at):
                alert.hand_over(by=by, at=at, number=self.number)
