from typing import Any
from uuid import UUID

import django_filters
from django import forms

from analytics.models import AssetReliability, AssetReliabilityQuerySet, EnergyConsumption, OperationsReport
from equipment.models import Category
from faultreporter.api.filters import BooleanFilter, ChoicesFilter, FilterSet
from locations.models import at_or_below


class WholeNumberFilter(django_filters.NumberFilter):
    field_class = forms.IntegerField


class QuarterFilter(FilterSet):
    """What everything that is counted by quarter can be filtered by."""

    year = WholeNumberFilter(min_value=1900, max_value=9999)
    quarter = WholeNumberFilter(min_value=1, max_value=4)


class SubjectFilter(QuarterFilter):
    """What can be filtered where many machines or places are listed."""

    equipment_id = django_filters.UUIDFilter(field_name="equipment")
    location_id = django_filters.UUIDFilter(method="filter_location", label="A place and everything below it.")

    location_path = ""

    def filter_location(self, rows: Any, _name: str, value: Any) -> Any:
        return rows.filter(**{f"{self.location_path}__in": at_or_below(value)})


class RevisionFilter(QuarterFilter):
    """Of one machine; as everywhere, superseded revisions only come when asked for."""

    all_revisions = BooleanFilter(method="keep_all", label="Superseded revisions too; by default only the latest.")

    class Meta:
        model = AssetReliability
        fields: list[str] = []

    def keep_all(self, rows: AssetReliabilityQuerySet, _name: str, _value: bool) -> AssetReliabilityQuerySet:
        return rows  # filter_queryset below decides, also when the parameter isn't there

    def filter_queryset(self, queryset: Any) -> Any:
        rows = super().filter_queryset(queryset)
        return rows if self.form.cleaned_data.get("all_revisions") else rows.latest_revisions()


class AssetReliabilityFilter(SubjectFilter, RevisionFilter):
    category = django_filters.CharFilter(method="filter_category", label="A category's code or id.")

    location_path = "equipment__location"

    class Meta(RevisionFilter.Meta):
        pass

    def filter_category(self, rows: AssetReliabilityQuerySet, _name: str, value: str) -> AssetReliabilityQuerySet:
        try:
            return rows.filter(equipment__category=UUID(value))
        except ValueError:
            return rows.filter(equipment__category__in=Category.objects.living().filter(code=value.upper()))


class EnergySourceFilter(QuarterFilter):
    """Of one machine."""

    source = ChoicesFilter(choices=EnergyConsumption.Source.choices)

    class Meta:
        model = EnergyConsumption
        fields: list[str] = []


class EnergyConsumptionFilter(SubjectFilter, EnergySourceFilter):
    location_path = "location"

    class Meta(EnergySourceFilter.Meta):
        pass


class ReportFilter(FilterSet):
    iso_year = WholeNumberFilter(min_value=1900, max_value=9999)
    iso_week = WholeNumberFilter(min_value=1, max_value=53)

    class Meta:
        model = OperationsReport
        fields: list[str] = []
