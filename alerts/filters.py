import uuid
from typing import Any

import django_filters
from django.utils import timezone

from alerts.models import Alert, AlertQuerySet, EscalationPolicy
from faultreporter.api.filters import BooleanFilter, ChoicesFilter, FilterSet, InstantFilter


class AlertFilter(FilterSet):
    status = ChoicesFilter(choices=Alert.Status.choices)
    severity = ChoicesFilter(choices=Alert.Severity.choices)
    source = ChoicesFilter(choices=Alert.Source.choices)
    equipment_id = django_filters.UUIDFilter(field_name="equipment")
    location_id = django_filters.UUIDFilter(method="filter_location", label="A place: machines in it and below it.")
    duplicate_of_id = django_filters.UUIDFilter(field_name="duplicate_of")
    storm_id = django_filters.UUIDFilter(field_name="storm", label="The alerts that this one speaks for.")
    in_storm = BooleanFilter(
        field_name="storm", lookup_expr="isnull", exclude=True, label="Whether another alert speaks for it."
    )
    reported_by_me = BooleanFilter(method="filter_reported")
    assigned_to_me = BooleanFilter(method="filter_assigned", label="On a machine you look after.")
    occurred_after = InstantFilter(field_name="occurred_at", lookup_expr="gte")
    occurred_before = InstantFilter(field_name="occurred_at", lookup_expr="lt")

    class Meta:
        model = Alert
        fields: list[str] = []

    def filter_location(self, rows: AlertQuerySet, name: str, value: uuid.UUID) -> AlertQuerySet:
        return rows.in_location(value)

    def filter_reported(self, rows: AlertQuerySet, name: str, value: bool) -> AlertQuerySet:
        user = self.request.user
        return rows.reported_by(user) if value else without(rows, Alert.objects.reported_by(user))

    def filter_assigned(self, rows: AlertQuerySet, name: str, value: bool) -> AlertQuerySet:
        user, now = self.request.user, timezone.now()
        return rows.assigned_to(user, at=now) if value else without(rows, Alert.objects.assigned_to(user, at=now))


class EscalationPolicyFilter(FilterSet):
    site_id = django_filters.UUIDFilter(field_name="site")
    is_active = BooleanFilter()

    class Meta:
        model = EscalationPolicy
        fields: list[str] = []


class EquipmentAlertFilter(AlertFilter):
    """For the list of one machine, which its address names."""

    # None takes a filter off; the package's own way, which its types don't know.
    equipment_id: Any = None
    location_id: Any = None
    assigned_to_me: Any = None


def without(rows: AlertQuerySet, mine: Any) -> AlertQuerySet:
    return rows.exclude(pk__in=mine.values("pk"))
