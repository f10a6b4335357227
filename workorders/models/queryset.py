import uuid
from collections import Counter
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

from django.db.models import Count, Q

from equipment.models import Equipment, Team, TeamMembership
from faultreporter.accounts.models import User
from faultreporter.db import LivingQuerySet
from locations.scope import hidden_site_ids
from workorders.models.obstacles import obstacles, progress
from workorders.models.relations import WorkOrderRelation
from workorders.models.states import UNFINISHED

if TYPE_CHECKING:
    from alerts.models import Alert
    from workorders.models.order import WorkOrder  # noqa: F401 - names the rows for the type checker


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

    def assigned_to(self, user: User, at: datetime) -> Self:
        """Theirs to do, or their team's and nobody's yet."""
        theirs = TeamMembership.objects.active(at).filter(user=user, team__deleted_at=None).values("team")
        return self.filter(Q(assigned_to=user) | Q(assigned_to=None, assigned_team__in=theirs))

    def standing_for(self, alert: "Alert") -> Self:
        """The orders that mend the alert: its own, and those that one of its own is the duplicate of."""
        links = WorkOrderRelation.objects.filter(kind=WorkOrderRelation.Kind.DUPLICATE_OF, order__alert=alert)
        return self.filter(Q(alert=alert) | Q(pk__in=links.values("other")))

    def of_team(self, team: Team, at: datetime) -> Self:
        """What the team was given, and what its members have."""
        members = team.memberships.active(at).values("user")
        return self.filter(Q(assigned_team=team) | Q(assigned_to__in=members))

    def in_words(self, word: str) -> Self:
        """The word is in the number, the title or the machine's code."""
        in_order = Q(number__icontains=word) | Q(title__icontains=word)
        return self.filter(in_order | Q(equipment__equipment_code__icontains=word))

    def in_location(self, location_id: uuid.UUID) -> Self:
        """On a machine in this place or anywhere below it."""
        return self.filter(equipment__in=Equipment.objects.in_location(location_id))

    def stats(self, *, at: datetime) -> dict[str, Any]:
        """What is to be done now, by state and priority, and what came and went in the last seven days."""
        counted = self.unfinished().order_by().values_list("status", "priority").annotate(n=Count("pk"))
        status: Counter[str] = Counter()
        priority: Counter[str] = Counter()
        for of_status, of_priority, n in counted:
            status[of_status] += n
            priority[of_priority] += n
        since = at - timedelta(days=7)
        return {
            "unfinished": status.total(),
            "overdue": self.overdue(at).count(),
            "by_status": {value: status[value] for value in UNFINISHED},
            "by_priority": {value: priority[value] for value in self.model.Priority.values},
            "raised_last_7_days": self.filter(created_at__gte=since).count(),
            "completed_last_7_days": self.filter(completed_at__gte=since).count(),
        }

    def with_progress(self) -> Self:
        """With how far each one's tasks are, in the same query."""
        return self.annotate(task_progress=progress())

    def with_obstacles(self) -> Self:
        """With what each one waits for, in the same query."""
        return self.with_progress().annotate(**obstacles())

    def lock(self) -> Self:
        # NO KEY: inserts that only point at the row (events) needn't wait, and can't deadlock with us.
        return self.select_for_update(of=("self",), no_key=True)
