"""Whom a rung of the ladder reaches. Nobody is told of a machine that is out of their sight."""

from collections.abc import Iterable
from datetime import datetime

from alerts.ladder import Rung, StepKind
from alerts.models import Alert
from faultreporter.accounts.models import User
from faultreporter.roles import Role
from locations.models import Location


def recipients(rung: Rung, alert: Alert, *, at: datetime) -> list[User]:
    """In the order of their names."""
    return sorted(found(rung, alert, at=at), key=lambda person: (str(person), person.pk))


def found(rung: Rung, alert: Alert, *, at: datetime) -> Iterable[User]:
    place = alert.equipment.location
    site = None if place is None else place.site or place
    if rung.kind == StepKind.NOTIFY_ROLE:
        return of_role(rung.role, site)
    if rung.kind == StepKind.NOTIFY_PERSON:
        people = User.objects.active().filter(pk=rung.person)
    else:
        in_charge = alert.equipment.assignments.active(at).values("user")
        people = User.objects.active().filter(pk__in=in_charge)
    return in_sight(people, site)


def of_role(role: str, site: Location | None) -> Iterable[User]:
    """The site's own people of this role; where it has none and is open to all, everybody of the role."""
    everybody = User.objects.active().filter(role=role)
    if site is None or role == Role.ADMIN:
        return everybody
    return everybody.filter(site_memberships__site=site) or (everybody if site.open_to_all else [])


def in_sight(people: Iterable[User], site: Location | None) -> Iterable[User]:
    if site is None or site.open_to_all:
        return people
    members = set(site.memberships.values_list("user", flat=True))
    return [person for person in people if person.role == Role.ADMIN or person.pk in members]
