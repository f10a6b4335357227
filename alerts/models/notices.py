"""Who is told what about an alert: in the inbox, with the line of the timeline that it is about.

Never the person who did it, nobody who isn't active, and nobody who doesn't see the machine's site.
"""

from datetime import datetime
from typing import TYPE_CHECKING

from django.db.models import Q
from django.utils.translation import gettext

from alerts.models.timeline import AlertEvent, TimelineEvent
from faultreporter.accounts.models import User, UserQuerySet
from faultreporter.notifications.models import Notification
from faultreporter.notifications.services import notify
from locations.scope import who_see

if TYPE_CHECKING:
    from alerts.models.alert import Alert

Kind = AlertEvent.Kind
GRAVE = ("HIGH", "CRITICAL")


def tell(alert: "Alert", event: AlertEvent) -> None:
    """What follows from a line of the timeline; most lines concern nobody beyond whoever reads them."""
    at = event.created_at
    if event.kind == Kind.RAISED:
        tell_raised(alert, event, at=at)
    elif event.kind in (Kind.RESOLVED, Kind.DISMISSED):
        ending = gettext("Resolved") if event.kind == Kind.RESOLVED else gettext("No fault")
        tell_people(alert, event, reporters(alert), Notification.Kind.ALERT_RESOLVED, ending, severity="LOW")
    elif event.kind == Kind.COMMENTED:
        people = reporters(alert) | in_charge(alert, at=at)
        tell_people(alert, event, people, Notification.Kind.ALERT_UPDATED, gettext("Comment"), severity="LOW")
    elif event.kind == Kind.REOPENED:
        people = reporters(alert) | in_charge(alert, at=at)
        words = gettext("Open again")
        tell_people(alert, event, people, Notification.Kind.ALERT_UPDATED, words, severity=alert.severity)


def tell_raised(alert: "Alert", event: AlertEvent, *, at: datetime) -> None:
    """Those who look after the machine; of what is grave, the managers of its site too.

    Further alerts of a storm are symptoms of one fault, for which its first alert has called people. Only a critical
    one calls them again.
    """
    if alert.storm_id and alert.severity != "CRITICAL":
        return
    people = in_charge(alert, at=at)
    if alert.severity in GRAVE and (place := alert.equipment.location) is not None:
        people |= Q(role=User.Role.MANAGER, site_memberships__site=place.site_id or place.pk)
    body = alert.description or alert.get_source_display()
    notify(
        people=seeing(alert, people, event), kind=Notification.Kind.ALERT_RAISED, severity=alert.severity, at=at,
        title=f"{alert.equipment.equipment_name}: {alert.title}", body=body, subject=alert,
        key=f"alert-event:{event.pk}", group=f"equipment:{alert.equipment_id}", about=alert.equipment.equipment_name,
    )  # fmt: skip


def tell_people(
    alert: "Alert", event: AlertEvent, people: Q, kind: Notification.Kind, words: str, *, severity: str
) -> None:
    notify(
        people=seeing(alert, people, event), kind=kind, severity=severity, at=event.created_at,
        title=f"{words}: {alert.title}", body=event.note or alert.equipment.equipment_name, subject=alert,
        key=f"alert-event:{event.pk}", about=alert.title,
    )  # fmt: skip


def in_charge(alert: "Alert", *, at: datetime) -> Q:
    """Who look after the machine at that moment."""
    return Q(pk__in=alert.equipment.assignments.active(at).values("user"))


def reporters(alert: "Alert") -> Q:
    """Whoever raised it, and those who reported it again."""
    again = AlertEvent.objects.filter(alert=alert.pk, kind=Kind.REPEATED, by__isnull=False)
    return Q(pk=alert.reported_by_id) | Q(pk__in=again.values("by"))


def seeing(alert: "Alert", people: Q, event: AlertEvent) -> list[User]:
    return list(who_see(alert.equipment.location_id, others(people, event)).distinct())


def others(people: Q, event: TimelineEvent) -> UserQuerySet:
    """The active ones of these people without whoever did it; the system is nobody."""
    everybody = User.objects.active().filter(people)
    return everybody.exclude(pk=event.by_id) if event.by_id else everybody
