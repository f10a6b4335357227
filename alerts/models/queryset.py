import uuid
from collections import Counter
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

from django.contrib.postgres.expressions import ArraySubquery
from django.db import models
from django.db.models import Q

from alerts.models.timeline import AlertEvent
from equipment.models import Equipment
from faultreporter.accounts.models import User
from faultreporter.db import IsAmong, LivingQuerySet
from locations.scope import hidden_site_ids

if TYPE_CHECKING:
    from alerts.models.alert import Alert  # noqa: F401 - names the rows for the type checker

# What "unresolved" is in every partial index and constraint; the planner proves `status IN (…)` against it.
UNRESOLVED = ("OPEN", "ACKNOWLEDGED")


def repeated_by(user: User) -> "models.QuerySet[AlertEvent, Any]":
    return AlertEvent.objects.filter(by=user, kind=AlertEvent.Kind.REPEATED).values("alert")


class AlertQuerySet(LivingQuerySet["Alert"]):
    def for_user(self, user: User) -> Self:
        hidden = hidden_site_ids(user)
        if not hidden:
            return self
        return self.exclude(Q(equipment__location__in=hidden) | Q(equipment__location__site__in=hidden))

    def unresolved(self) -> Self:
        return self.filter(status__in=UNRESOLVED)

    def reported_by(self, user: User) -> Self:
        """Raised by this person, or reported again by them while it was open."""
        # A union of two narrow indexes: an OR over two tables would read every alert to find these few.
        mine = self.model.objects.filter(reported_by=user).values("pk")
        return self.filter(pk__in=mine.union(repeated_by(user)))

    def concerning(self, user: User, *, at: datetime) -> Self:
        """Reported by this person, or on a machine they look after: what their phone shows as theirs."""
        # No union here: these are many, and the newest page is found faster along the list's own index.
        theirs = Equipment.objects.assigned_to(user, at=at).values("pk")
        on_theirs = IsAmong("equipment", ArraySubquery(theirs))
        repeated = IsAmong("pk", ArraySubquery(repeated_by(user)))
        return self.filter(Q(reported_by=user) | Q(repeated) | Q(on_theirs))

    def in_location(self, location_id: uuid.UUID) -> Self:
        """On a machine in this place or anywhere below it."""
        return self.filter(equipment__in=Equipment.objects.in_location(location_id))

    def of_asset(self, machine: Equipment) -> Self:
        """On this machine, the one it is a part of, and the other parts of that."""
        asset = machine.parent_id or machine.pk
        return self.filter(Q(equipment=asset) | Q(equipment__parent=asset))

    def assigned_to(self, user: User, *, at: datetime) -> Self:
        """On a machine this person looks after at that moment."""
        return self.filter(equipment__in=Equipment.objects.assigned_to(user, at=at))

    def stats(self, *, at: datetime) -> dict[str, Any]:
        """What is open now, by state and severity, and what came and went in the last seven days."""
        counted = self.unresolved().order_by().values_list("status", "severity").annotate(n=models.Count("pk"))
        status: Counter[str] = Counter()
        severity: Counter[str] = Counter()
        for of_status, of_severity, n in counted:
            status[of_status] += n
            severity[of_severity] += n
        since = at - timedelta(days=7)
        return {
            "unresolved": status.total(),
            "by_status": {value: status[value] for value in UNRESOLVED},
            "by_severity": {value: severity[value] for value in self.model.Severity.values},
            "raised_last_7_days": self.filter(created_at__gte=since).count(),
            "resolved_last_7_days": self.filter(status="RESOLVED", resolved_at__gte=since).count(),
        }

    def lock(self, *, skip_locked: bool = False) -> Self:
        # NO KEY: inserts that only point at the row (events, orders) needn't wait, and can't deadlock with us.
        return self.select_for_update(of=("self",), no_key=True, skip_locked=skip_locked)
