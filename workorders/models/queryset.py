import uuid
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Count, Q

from equipment.models import Equipment, Team, TeamMembership
from faultreporter.accounts.models import User
from faultreporter.db import IsAmong, LivingQuerySet
from locations.scope import hidden_site_ids
from workorders.models.obstacles import obstacles, progress
from workorders.models.relations import WorkOrderRelation
from workorders.models.states import UNFINISHED

if TYPE_CHECKING:
    from alerts.models import Alert
    from workorders.models.order import WorkOrder  # noqa: F401 - names the rows for the type checker


def is_late(at: datetime) -> Q:
    return Q(due_at__lt=at) | Q(due_at=None, restore_due_at__lt=at)


def is_overdue(at: datetime) -> Q:
    """Unfinished, and past the due time that somebody gave, or past the restore target where nobody gave one."""
    return Q(status__in=UNFINISHED) & is_late(at)


def is_of(user: User, at: datetime) -> Q:
    """Theirs to do, or their team's and nobody's yet."""
    theirs = TeamMembership.objects.active(at).filter(user=user, team__deleted_at=None).values("team")
    for_one_of_them = IsAmong("assigned_team", ArraySubquery(theirs))
    # Without a team the array can't tell, and what is neither true nor false would be missing from the others' orders.
    return Q(assigned_to=user) | Q(for_one_of_them, assigned_to=None, assigned_team__isnull=False)


def is_breached(at: datetime) -> Q:
    """Written down already, or about to be by the next sweep."""
    known = Q(response_breached_at__isnull=False) | Q(restore_breached_at__isnull=False)
    unseen = Q(started_at=None, response_due_at__lt=at) | Q(completed_at=None, restore_due_at__lt=at)
    return known | (unseen & Q(status__in=UNFINISHED))


def is_at_risk(at: datetime) -> Q:
    response = Q(started_at=None, response_warn_at__lt=at, response_due_at__gte=at)
    restore = Q(completed_at=None, restore_warn_at__lt=at, restore_due_at__gte=at)
    return (response | restore) & Q(status__in=UNFINISHED)


def is_paused(at: datetime) -> Q:
    return Q(status="ON_HOLD", held_for__pauses_sla=True, restore_breached_at=None)


CLOCK_IS: dict[str, Callable[[datetime], Q]] = {"AT_RISK": is_at_risk, "BREACHED": is_breached, "PAUSED": is_paused}


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
        return self.filter(is_overdue(at))

    def with_clock(self, state: str, at: datetime) -> Self:
        """A clock of theirs is AT_RISK, BREACHED or PAUSED."""
        return self.filter(CLOCK_IS[state](at), sla_terms__isnull=False)

    def with_news_of_clocks(self, at: datetime) -> Self:
        return self.living().filter(sla_next_at__lt=at).order_by("sla_next_at")

    def assigned_to(self, user: User, at: datetime) -> Self:
        return self.filter(is_of(user, at))

    def standing_for(self, alert: "Alert") -> Self:
        """The orders that mend the alert: its own, and those that one of its own is the duplicate of."""
        links = WorkOrderRelation.objects.filter(kind=WorkOrderRelation.Kind.DUPLICATE_OF, order__alert=alert)
        return self.filter(Q(alert=alert) | Q(pk__in=links.values("other")))

    def of_team(self, team: Team, at: datetime) -> Self:
        """What the team was given, and what its members have."""
        members = ArraySubquery(team.memberships.active(at).values("user"))
        return self.filter(Q(assigned_team=team) | Q(IsAmong("assigned_to", members)))

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

    def claim(self) -> Self:
        """Like `lock`, but leaves out what somebody else is working on."""
        return self.select_for_update(of=("self",), no_key=True, skip_locked=True)
