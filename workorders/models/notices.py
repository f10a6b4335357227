"""Who is told what about a work order: in the inbox, with the line of the timeline that it is about.

Never the person who did it, nobody who isn't active, and nobody who doesn't see the machine's site.
"""

from typing import TYPE_CHECKING, Any, Final

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from alerts.models.notices import others, reporters
from equipment.models import TeamMembership
from faultreporter.accounts.models import User
from faultreporter.notifications.models import Notification
from faultreporter.notifications.services import notify
from locations.scope import who_see
from workorders.models.timeline import WorkOrderEvent

if TYPE_CHECKING:
    from workorders.models.order import WorkOrder

Kind = WorkOrderEvent.Kind
# What whoever does it, raised it or reported the fault hears of, in which words, and how grave it is.
NEWS: Final[dict[str, tuple[Any, str]]] = {
    Kind.COMMENTED: (_("Comment"), "LOW"),
    Kind.HELD: (_("On hold"), "MEDIUM"),
    Kind.COMPLETED: (_("Completed"), "LOW"),
    Kind.REOPENED: (_("Reopened"), "MEDIUM"),
    Kind.CANCELLED: (_("Cancelled"), "MEDIUM"),
}
# What its clocks say: which target, and how it stands.
CLOCKS: Final[dict[tuple[str, str], Any]] = {
    (Kind.SLA_AT_RISK, "RESPONSE"): _("Must be begun soon"),
    (Kind.SLA_AT_RISK, "RESTORE"): _("Must be done soon"),
    (Kind.SLA_BREACHED, "RESPONSE"): _("Not begun in time"),
    (Kind.SLA_BREACHED, "RESTORE"): _("Not done in time"),
}


def tell(order: "WorkOrder", event: WorkOrderEvent) -> None:
    """What follows from a line of the timeline; most lines concern nobody beyond whoever reads them."""
    if event.kind == Kind.ASSIGNED:
        title = f"{order.number}: {order.title}"
        send(order, event, assignees(order), Notification.Kind.ORDER_ASSIGNED, title, severity=order.priority)
    elif event.kind in (Kind.SLA_AT_RISK, Kind.SLA_BREACHED):
        title = f"{CLOCKS[event.kind, event.data['clock']]}: {order.number} {order.title}"
        people = assignees(order) | Q(role=User.Role.MANAGER)
        send(order, event, people, Notification.Kind(event.kind), title, severity=order.priority)
    elif event.kind in NEWS:
        words, severity = NEWS[event.kind]
        title = f"{words}: {order.number} {order.title}"
        send(order, event, concerned(order, event), Notification.Kind.ORDER_UPDATED, title, severity=severity)


def assignees(order: "WorkOrder") -> Q:
    """The person it was given to, or who began it; before that everybody of the team."""
    if order.assigned_to_id or order.assigned_team_id is None:
        return Q(pk=order.assigned_to_id)
    return Q(pk__in=TeamMembership.objects.filter(team=order.assigned_team_id, ends_at=None).values("user"))


def concerned(order: "WorkOrder", event: WorkOrderEvent) -> Q:
    people = assignees(order) | Q(pk=order.created_by_id)
    resolved = order.alert is not None and order.alert.is_resolved
    if order.alert is None or (event.kind == Kind.COMPLETED and resolved):
        return people  # the resolved alert has told its reporters
    return people | reporters(order.alert)


def send(
    order: "WorkOrder", event: WorkOrderEvent, people: Q, kind: Notification.Kind, title: str, *, severity: str
) -> None:
    seeing = who_see(order.equipment.location_id, others(people, event))
    notify(
        people=seeing, kind=kind, severity=severity, at=event.created_at,
        title=title, body=event.note or order.equipment.equipment_name, subject=order,
        key=f"work-order-event:{event.pk}", about=order.number,
    )  # fmt: skip
