from datetime import datetime
from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Q

from alerts.models.timeline import AlertEvent
from equipment.models import Equipment
from faultreporter.accounts.models import User
from faultreporter.db import LivingQuerySet
from locations.scope import hidden_site_ids

if TYPE_CHECKING:
    from alerts.models.alert import Alert  # noqa: F401 - names the rows for the type checker

# What "unresolved" is in every partial index and constraint; the planner proves `status IN (…)` against it.
UNRESOLVED = ("OPEN", "ACKNOWLEDGED")


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
        again = AlertEvent.objects.filter(alert=models.OuterRef("pk"), by=user, kind=AlertEvent.Kind.REPEATED)
        return self.filter(Q(reported_by=user) | models.Exists(again))

    def assigned_to(self, user: User, *, at: datetime) -> Self:
        """On a machine this person looks after at that moment."""
        return self.filter(equipment__in=Equipment.objects.assigned_to(user, at=at))

    def with_people_and_place(self) -> Self:
        """With everything a payload names, so that a page of them stays one query."""
        return self.select_related("equipment__location", "reported_by", "acknowledged_by", "resolved_by")

    def lock(self) -> Self:
        # NO KEY: inserts that only point at the row (events, orders) needn't wait, and can't deadlock with us.
        return self.select_for_update(of=("self",), no_key=True)
