import django_filters

from aiassist.models import Analysis
from faultreporter.api.filters import BooleanFilter, ChoicesFilter, FilterSet


class AnalysisFilter(FilterSet):
    status = ChoicesFilter(choices=Analysis.Status.choices)
    provider = ChoicesFilter(choices=Analysis.Provider.choices)
    severity = ChoicesFilter(choices=Analysis.Severity.choices)
    equipment_id = django_filters.UUIDFilter(field_name="equipment")
    alert_id = django_filters.UUIDFilter(field_name="alert")
    requested_by_id = django_filters.UUIDFilter(field_name="requested_by")
    needs_review = BooleanFilter()

    class Meta:
        model = Analysis
        fields: list[str] = []
