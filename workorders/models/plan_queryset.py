import uuid
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from django.db.models import Count, Exists, F, OuterRef, Prefetch, Q

from equipment.models import Equipment
from faultreporter.accounts.models import User
from faultreporter.db import LivingQuerySet
from locations.scope import hidden_site_ids
from workorders.models.order import WorkOrder
from workorders.models.plan_history import PlanOccurrence

if TYPE_CHECKING:
    from workorders.models.plans import MaintenancePlan  # noqa: F401 - names the rows for the type checker


def paused(at: datetime) -> Q:
    return Q(paused_at__isnull=False) & (Q(paused_until=None) | Q(paused_until__gt=at.date()))


class MaintenancePlanQuerySet(LivingQuerySet["MaintenancePlan"]):
    def for_user(self, user: User) -> Self:
        hidden = hidden_site_ids(user)
        if not hidden:
            return self
        return self.exclude(Q(equipment__location__in=hidden) | Q(equipment__location__site__in=hidden))

    def active(self, at: datetime) -> Self:
        """Those that will make orders."""
        in_service = Q(equipment__retired_date=None) | Q(equipment__retired_date__gt=at.date())
        goes_on = Q(ends_on=None) | Q(ends_on__gte=at.date())
        has_next = Q(next_due_at__isnull=False) | Q(trigger__in=self.model.BY_METER)
        return self.living().filter(in_service, goes_on, has_next, equipment__deleted_at=None).exclude(paused(at))

    def due(self, at: datetime) -> Self:
        """Those whose next order is to be made now; none while an order of the plan is unfinished."""
        unfinished = WorkOrder.objects.living().unfinished().filter(plan=OuterRef("pk"))
        reached = Q(trigger__in=self.model.BY_METER, meter__total__gte=F("meter__due"))
        return self.active(at).filter(Q(generate_at__lte=at) | reached).exclude(Exists(unfinished))

    def overdue(self, at: datetime) -> Self:
        """Due already: the order for it isn't finished, or there is none."""
        late = WorkOrder.objects.living().overdue(at).filter(plan=OuterRef("pk"))
        return self.living().filter(Exists(late) | Q(pk__in=self.active(at).filter(next_due_at__lt=at).values("pk")))

    def in_location(self, location_id: uuid.UUID) -> Self:
        return self.filter(equipment__in=Equipment.objects.in_location(location_id))

    def with_open_order(self) -> Self:
        """Each plan's `open_orders`: one or none, in one query for all."""
        orders = WorkOrder.objects.living().unfinished().select_related("assigned_to")
        return self.prefetch_related(Prefetch("work_orders", queryset=orders, to_attr="open_orders"))

    def lock(self, *, skip_locked: bool = False) -> Self:
        # NO KEY: orders that only point at the plan needn't wait
        return self.select_for_update(of=("self",), no_key=True, skip_locked=skip_locked)

    def stats(self, *, at: datetime) -> dict[str, Any]:
        counted = self.aggregate(
            plans=Count("pk"), paused=Count("pk", filter=paused(at)), by_meter=Count("pk", filter=~Q(metric=None))
        )
        occurrences = PlanOccurrence.objects.filter(plan__in=self.values("pk"))
        return {
            **counted,
            "active": self.active(at).count(),
            "overdue": self.overdue(at).count(),
            "compliance": occurrences.compliance(at=at),
        }
