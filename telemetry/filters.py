import django_filters

from faultreporter.api.filters import BooleanFilter, ChoicesFilter, FilterSet
from telemetry.models import DeviceKey, Metric, Rule, RuleQuerySet


class MetricFilter(FilterSet):
    code = django_filters.CharFilter()
    unit = django_filters.CharFilter()

    class Meta:
        model = Metric
        fields: list[str] = []


class RuleFilter(FilterSet):
    equipment_id = django_filters.UUIDFilter(field_name="equipment")
    category_id = django_filters.UUIDFilter(field_name="category")
    metric = django_filters.CharFilter(field_name="metric__code")
    kind = ChoicesFilter(choices=Rule.Kind.choices)
    comparison = ChoicesFilter(choices=Rule.Comparison.choices)
    severity = ChoicesFilter(choices=Rule.Severity.choices)
    is_enabled = BooleanFilter()
    is_firing = BooleanFilter(method="filter_firing", label="Whether it fires on any machine now.")

    class Meta:
        model = Rule
        fields: list[str] = []

    def filter_firing(self, rows: RuleQuerySet, name: str, value: bool) -> RuleQuerySet:
        return rows.firing() if value else rows.quiet()


class DeviceKeyFilter(FilterSet):
    equipment_id = django_filters.UUIDFilter(field_name="equipment")
    all_equipment = BooleanFilter()

    class Meta:
        model = DeviceKey
        fields: list[str] = []
