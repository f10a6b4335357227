import uuid
from datetime import datetime

import django_filters
from django.db.models import Q

from faultreporter.api.filters import BooleanFilter, ChoicesFilter, FilterSet, InstantFilter
from locations.models import at_or_below
from telemetry.models import (
    DeviceKey,
    MaintenanceWindow,
    MaintenanceWindowQuerySet,
    Meter,
    MeterQuerySet,
    Metric,
    ReadingVoid,
    ReadingVoidQuerySet,
    Rule,
    RuleQuerySet,
    Series,
    SeriesQuerySet,
    Tariff,
    Utility,
)


class MetricFilter(FilterSet):
    code = django_filters.CharFilter()
    unit = django_filters.CharFilter()
    kind = ChoicesFilter(choices=Metric.Kind.choices)
    brick_class = django_filters.CharFilter()

    class Meta:
        model = Metric
        fields: list[str] = []


class SeriesFilter(FilterSet):
    equipment_id = django_filters.UUIDFilter(field_name="equipment")
    location_id = django_filters.UUIDFilter(method="filter_location", label="A place: series in it and below it.")
    metric = django_filters.CharFilter(field_name="metric__code")
    kind = ChoicesFilter(field_name="metric__kind", choices=Metric.Kind.choices)
    gateway_id = django_filters.UUIDFilter(field_name="gateway", label="The device key its newest readings came with.")
    read_by_hand = BooleanFilter(label="Whether people read it on their rounds.")
    is_stale = BooleanFilter(
        label="Whether readings have stayed away for three expected intervals, one where people read."
    )
    silent_since = InstantFilter(method="filter_silent", label="Without a reading from this moment on.")

    class Meta:
        model = Series
        fields: list[str] = []

    def filter_location(self, rows: SeriesQuerySet, name: str, value: uuid.UUID) -> SeriesQuerySet:
        return rows.filter(equipment__location__in=at_or_below(value))

    def filter_silent(self, rows: SeriesQuerySet, name: str, value: datetime) -> SeriesQuerySet:
        return rows.silent_since(value)


class RuleFilter(FilterSet):
    equipment_id = django_filters.UUIDFilter(field_name="equipment")
    category_id = django_filters.UUIDFilter(field_name="category")
    metric = django_filters.CharFilter(field_name="metric__code")
    kind = ChoicesFilter(choices=Rule.Kind.choices)
    comparison = ChoicesFilter(choices=Rule.Comparison.choices)
    severity = ChoicesFilter(choices=Rule.Severity.choices)
    is_enabled = BooleanFilter()
    is_firing = BooleanFilter(method="filter_firing", label="Whether it fires on any machine now.")
    is_failing = BooleanFilter(method="filter_failing", label="Whether it can't be judged on any machine now.")

    class Meta:
        model = Rule
        fields: list[str] = []

    def filter_firing(self, rows: RuleQuerySet, name: str, value: bool) -> RuleQuerySet:
        return rows.firing() if value else rows.quiet()

    def filter_failing(self, rows: RuleQuerySet, name: str, value: bool) -> RuleQuerySet:
        return rows.failing() if value else rows.exclude(pk__in=rows.failing())


class MaintenanceWindowFilter(FilterSet):
    equipment_id = django_filters.UUIDFilter(field_name="equipment")
    location_id = django_filters.UUIDFilter(field_name="location")
    at = InstantFilter(method="filter_at", label="Those that cover this moment.")

    class Meta:
        model = MaintenanceWindow
        fields: list[str] = []

    def filter_at(self, rows: MaintenanceWindowQuerySet, name: str, value: datetime) -> MaintenanceWindowQuerySet:
        return rows.over(value)


class ReadingVoidFilter(FilterSet):
    series_id = django_filters.NumberFilter(method="filter_series", min_value=1, max_value=2**31 - 1)
    equipment_id = django_filters.UUIDFilter(method="filter_equipment")
    created_by_id = django_filters.UUIDFilter(field_name="created_by", label="Who declared it.")
    is_active = BooleanFilter(method="filter_active", label="Whether it stands: false for what was taken back.")
    at = InstantFilter(method="filter_at", label="Those that cover this moment.")

    class Meta:
        model = ReadingVoid
        fields: list[str] = []

    def filter_series(self, rows: ReadingVoidQuerySet, name: str, value: int) -> ReadingVoidQuerySet:
        return rows.of(pk=value)

    def filter_equipment(self, rows: ReadingVoidQuerySet, name: str, value: uuid.UUID) -> ReadingVoidQuerySet:
        return rows.of(equipment=value)

    def filter_active(self, rows: ReadingVoidQuerySet, name: str, value: bool) -> ReadingVoidQuerySet:
        return rows.active() if value else rows.taken_back()

    def filter_at(self, rows: ReadingVoidQuerySet, name: str, value: datetime) -> ReadingVoidQuerySet:
        return rows.filter(since__lte=value, until__gt=value)


class DeviceKeyFilter(FilterSet):
    equipment_id = django_filters.UUIDFilter(field_name="equipment")
    all_equipment = BooleanFilter()

    class Meta:
        model = DeviceKey
        fields: list[str] = []


class MeterFilter(FilterSet):
    utility = ChoicesFilter(choices=Utility.choices)
    equipment_id = django_filters.UUIDFilter(field_name="equipment")
    location_id = django_filters.UUIDFilter(
        method="filter_location", label="A place: meters that supply it, or something below it."
    )
    parent_id = django_filters.UUIDFilter(field_name="parent")
    series_id = django_filters.NumberFilter(field_name="series", min_value=1, max_value=2**31 - 1)

    class Meta:
        model = Meter
        fields: list[str] = []

    def filter_location(self, rows: MeterQuerySet, name: str, value: uuid.UUID) -> MeterQuerySet:
        places = at_or_below(value)
        return rows.filter(Q(location__in=places) | Q(equipment__location__in=places))


class TariffFilter(FilterSet):
    utility = ChoicesFilter(choices=Utility.choices)
    site_id = django_filters.UUIDFilter(field_name="site")

    class Meta:
        model = Tariff
        fields: list[str] = []
