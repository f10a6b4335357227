from typing import Any
from uuid import UUID

import django_filters
from django import forms
from drf_spectacular.utils import extend_schema_field

from analytics.models import AssetReliability, AssetReliabilityQuerySet, EnergyConsumption, OperationsReport
from equipment.models import Category
from faultreporter.api.filters import BooleanFilter, ChoicesFilter, FilterSet
from locations.models import at_or_below


class WholeNumberFilter(django_filters.NumberFilter):
    """A number between bounds, which the OpenAPI document tells."""

    field_class = forms.IntegerField

    def __init__(self, *, least: int, most: int) -> None:
        super().__init__(min_value=least, max_value=most)
        extend_schema_field({"type": "integer", "minimum": least, "maximum": most})(self)


class QuarterFilter(FilterSet):
    """What everything that is counted by quarter can be filtered by."""

    year = WholeNumberFilter(least=1900, most=9999)
    quarter = WholeNumberFilter(least=1, most=4)


class SubjectFilter(QuarterFilter):
    """What can be filtered where many machines or places are listed."""

    equipment_id = django_filters.UUIDFilter(field_name="equipment")
    location_id = django_filters.UUIDFilter(method="filter_location", label="A place and everything below it.")

    location_path = ""

    def filter_location(self, rows: Any, _name: str, value: UUID) -> Any:
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
    iso_year = WholeNumberFilter(least=1900, most=9999)
    iso_week = WholeNumberFilter(least=1, most=53)

    class Meta:
        model = OperationsReport
        fields: list[str] = []
