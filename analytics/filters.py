from typing import Any
from uuid import UUID

import django_filters
from django import forms

from analytics.models import AssetReliability, AssetReliabilityQuerySet, EnergyConsumption
from equipment.models import Category
from faultreporter.api.filters import BooleanFilter, ChoicesFilter, FilterSet
from locations.models import at_or_below


class WholeNumberFilter(django_filters.NumberFilter):
    field_class = forms.IntegerField


class QuarterFilter(FilterSet):
    """What everything that is counted by quarter can be filtered by."""

    year = WholeNumberFilter(min_value=1900, max_value=9999)
    quarter = WholeNumberFilter(min_value=1, max_value=4)
    equipment_id = django_filters.UUIDFilter(field_name="equipment")
    location_id = django_filters.UUIDFilter(method="filter_location", label="A place and everything below it.")

    location_path = ""

    def filter_location(self, rows: Any, _name: str, value: Any) -> Any:
        return rows.filter(**{f"{self.location_path}__in": at_or_below(value)})


class AssetReliabilityFilter(QuarterFilter):
    category = django_filters.CharFilter(method="filter_category", label="A category's code or id.")
    all_revisions = BooleanFilter(
        method="keep_revisions", label="Superseded revisions too; by default only the latest."
    )

    location_path = "equipment__location"

    class Meta:
        model = AssetReliability
        fields: list[str] = []

    def filter_category(self, rows: AssetReliabilityQuerySet, _name: str, value: str) -> AssetReliabilityQuerySet:
        try:
            return rows.filter(equipment__category=UUID(value))
        except ValueError:
            return rows.filter(equipment__category__in=Category.objects.living().filter(code=value.upper()))

    def keep_revisions(self, rows: AssetReliabilityQuerySet, _name: str, value: Any) -> AssetReliabilityQuerySet:
        return rows if value else rows.latest_revisions()

    def filter_queryset(self, queryset: Any) -> Any:
        rows = super().filter_queryset(queryset)
        return rows if self.form.cleaned_data.get("all_revisions") else rows.latest_revisions()


class EnergyConsumptionFilter(QuarterFilter):
    source = ChoicesFilter(choices=EnergyConsumption.Source.choices)

    location_path = "location"

    class Meta:
        model = EnergyConsumption
        fields: list[str] = []
