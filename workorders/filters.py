import uuid
from functools import reduce
from operator import or_
from typing import Any

import django_filters
from django.db.models import F, Q
from django.utils import timezone

from faultreporter.api.filters import BooleanFilter, ChoicesFilter, FilterSet, InstantFilter
from faultreporter.roles import Role
from workorders.models import (
    ChecklistTemplate,
    HoldReason,
    LabourEntry,
    LabourRate,
    MaintenancePlan,
    MaintenancePlanQuerySet,
    Part,
    SlaPolicy,
    WorkOrder,
    WorkOrderQuerySet,
    WorkOrderTask,
)
from workorders.models.labour import LabourEntryQuerySet
from workorders.models.parts import PartQuerySet
from workorders.models.queryset import CLOCK_IS, is_of, is_overdue


class WorkOrderFilter(FilterSet):
    status = ChoicesFilter(choices=WorkOrder.Status.choices)
    priority = ChoicesFilter(choices=WorkOrder.Priority.choices)
    type = ChoicesFilter(choices=WorkOrder.Type.choices)
    equipment_id = django_filters.UUIDFilter(field_name="equipment")
    location_id = django_filters.UUIDFilter(method="filter_location", label="A place: machines in it and below it.")
    alert_id = django_filters.UUIDFilter(field_name="alert")
    assigned_to = django_filters.UUIDFilter(field_name="assigned_to")
    assigned_to_me = BooleanFilter(method="filter_mine", label="Yours, or your team's and nobody's yet.")
    assigned_team = django_filters.UUIDFilter(field_name="assigned_team")
    planned_from = django_filters.DateFilter(field_name="planned_date", lookup_expr="gte")
    planned_to = django_filters.DateFilter(field_name="planned_date", lookup_expr="lte")
    overdue = BooleanFilter(
        method="filter_overdue",
        label="Not finished, and past its due time, or past its restore target where nobody gave a due time.",
    )
    sla = ChoicesFilter(
        choices=[(state, state) for state in CLOCK_IS], method="filter_clock", label="How its clocks stand."
    )
    due_after = InstantFilter(field_name="due_at", lookup_expr="gte")
    due_before = InstantFilter(field_name="due_at", lookup_expr="lt")

    class Meta:
        model = WorkOrder
        fields: list[str] = []

    def filter_location(self, rows: WorkOrderQuerySet, name: str, value: uuid.UUID) -> WorkOrderQuerySet:
        return rows.in_location(value)

    def filter_mine(self, rows: WorkOrderQuerySet, name: str, value: bool) -> WorkOrderQuerySet:
        mine = is_of(self.request.user, timezone.now())
        return rows.filter(mine) if value else rows.exclude(mine)

    def filter_overdue(self, rows: WorkOrderQuerySet, name: str, value: bool) -> WorkOrderQuerySet:
        late = is_overdue(timezone.now())
        return rows.filter(late) if value else rows.exclude(late)

    def filter_clock(self, rows: WorkOrderQuerySet, name: str, value: list[str]) -> WorkOrderQuerySet:
        at = timezone.now()
        states = [CLOCK_IS[state](at) for state in value]
        return rows.filter(reduce(or_, states), sla_terms__isnull=False) if states else rows


class EquipmentWorkOrderFilter(WorkOrderFilter):
    """For the list of one machine, which its address names."""

    equipment_id = location_id = None


class LabourFilter(FilterSet):
    kind = ChoicesFilter(choices=LabourEntry.Kind.choices)
    running = BooleanFilter(method="filter_running", label="Whether the timer runs.")

    class Meta:
        model = LabourEntry
        fields: list[str] = []

    def filter_running(self, rows: LabourEntryQuerySet, name: str, value: bool) -> LabourEntryQuerySet:
        return rows.running() if value else rows.exclude(pk__in=LabourEntry.objects.running().values("pk"))


class LabourRateFilter(FilterSet):
    person_id = django_filters.UUIDFilter(field_name="person")
    role = ChoicesFilter(choices=Role.choices)

    class Meta:
        model = LabourRate
        fields: list[str] = []


class PartFilter(FilterSet):
    low_stock = BooleanFilter(method="filter_low", label="Fewer in stock than the minimum.")

    class Meta:
        model = Part
        fields: list[str] = []

    def filter_low(self, rows: PartQuerySet, name: str, value: bool) -> PartQuerySet:
        return rows.low() if value else rows.filter(stock__gte=F("minimum_stock"))


class TaskFilter(FilterSet):
    outcome = ChoicesFilter(choices=WorkOrderTask.Outcome.choices)
    to_do = BooleanFilter(method="filter_to_do", label="Neither done nor skipped.")

    class Meta:
        model = WorkOrderTask
        fields: list[str] = []

    def filter_to_do(self, rows: Any, name: str, value: bool) -> Any:
        return rows.to_do() if value else rows.exclude(outcome="")


class ChecklistFilter(FilterSet):
    category_id = django_filters.UUIDFilter(
        method="filter_category", label="A kind of machine: its checklists and those for any kind."
    )

    class Meta:
        model = ChecklistTemplate
        fields: list[str] = []

    def filter_category(self, rows: Any, name: str, value: uuid.UUID) -> Any:
        return rows.filter(Q(category=None) | Q(category=value))


class SlaPolicyFilter(FilterSet):
    priority = ChoicesFilter(choices=SlaPolicy.Priority.choices)
    site_id = django_filters.UUIDFilter(field_name="site")

    class Meta:
        model = SlaPolicy
        fields: list[str] = []


class HoldReasonFilter(FilterSet):
    is_active = BooleanFilter()
    pauses_sla = BooleanFilter()

    class Meta:
        model = HoldReason
        fields: list[str] = []


class PlanFilter(FilterSet):
    equipment_id = django_filters.UUIDFilter(field_name="equipment")
    location_id = django_filters.UUIDFilter(method="filter_location", label="A place: machines in it and below it.")
    type = ChoicesFilter(choices=MaintenancePlan.Type.choices)
    priority = ChoicesFilter(choices=MaintenancePlan._meta.get_field("priority").choices or ())
    trigger = ChoicesFilter(choices=MaintenancePlan.Trigger.choices)
    schedule = ChoicesFilter(choices=MaintenancePlan.Schedule.choices)
    assigned_to = django_filters.UUIDFilter(field_name="assigned_to")
    assigned_team = django_filters.UUIDFilter(field_name="assigned_team")
    due_after = InstantFilter(field_name="next_due_at", lookup_expr="gte")
    due_before = InstantFilter(field_name="next_due_at", lookup_expr="lt")
    active = BooleanFilter(method="filter_active", label="Neither paused nor over, on a machine in service.")
    overdue = BooleanFilter(method="filter_overdue", label="Due already and not done.")

    class Meta:
        model = MaintenancePlan
        fields: list[str] = []

    def filter_location(self, rows: MaintenancePlanQuerySet, name: str, value: uuid.UUID) -> MaintenancePlanQuerySet:
        return rows.in_location(value)

    def filter_active(self, rows: MaintenancePlanQuerySet, name: str, value: bool) -> MaintenancePlanQuerySet:
        active: Any = MaintenancePlan.objects.active(timezone.now()).values("pk")
        return rows.filter(pk__in=active) if value else rows.exclude(pk__in=active)

    def filter_overdue(self, rows: MaintenancePlanQuerySet, name: str, value: bool) -> MaintenancePlanQuerySet:
        late: Any = MaintenancePlan.objects.overdue(timezone.now()).values("pk")
        return rows.filter(pk__in=late) if value else rows.exclude(pk__in=late)


class EquipmentPlanFilter(PlanFilter):
    """For the list of one machine, which its address names."""

    equipment_id = location_id = None
