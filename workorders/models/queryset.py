from datetime import datetime
from typing import TYPE_CHECKING, Self

from django.db.models import Q

from faultreporter.accounts.models import User
from faultreporter.db import LivingQuerySet
from locations.scope import hidden_site_ids

if TYPE_CHECKING:
    from workorders.models.order import WorkOrder  # noqa: F401 - names the rows for the type checker

# What "unfinished" is in every partial index and constraint; the planner proves `status IN (…)` against it.
UNFINISHED = ("OPEN", "ASSIGNED", "IN_PROGRESS", "ON_HOLD")


class WorkOrderQuerySet(LivingQuerySet["WorkOrder"]):
    def for_user(self, user: User) -> Self:
        hidden = hidden_site_ids(user)
        if not hidden:
            return self
        return self.exclude(Q(equipment__location__in=hidden) | Q(equipment__location__site__in=hidden))

    def unfinished(self) -> Self:
        """Somebody still has something to do on the machine."""
        return self.filter(status__in=UNFINISHED)

    def overdue(self, at: datetime) -> Self:
        return self.unfinished().filter(due_at__lt=at)

    def assigned_to(self, user: User) -> Self:
        return self.filter(assigned_to=user)

    def with_people_and_place(self) -> Self:
        """With everything a payload names, so that a page of them stays one query."""
        return self.select_related("equipment__location", "assigned_to", "created_by", "completed_by", "failure_mode")

    def lock(self) -> Self:
        # NO KEY: inserts that only point at the row (events) needn't wait, and can't deadlock with us.
        return self.select_for_update(of=("self",), no_key=True)
