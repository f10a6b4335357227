import django_filters

from aiassist.models import Analysis, AnalysisReview, Manual
from faultreporter.api.filters import BooleanFilter, ChoicesFilter, FilterSet


class AnalysisFilter(FilterSet):
    status = ChoicesFilter(choices=Analysis.Status.choices)
    provider = ChoicesFilter(choices=Analysis.Provider.choices)
    severity = ChoicesFilter(choices=Analysis.Severity.choices)
    equipment_id = django_filters.UUIDFilter(field_name="equipment")
    alert_id = django_filters.UUIDFilter(field_name="alert")
    requested_by_id = django_filters.UUIDFilter(field_name="requested_by")
    needs_review = BooleanFilter()
    verdict = ChoicesFilter(field_name="review__verdict", choices=AnalysisReview.Verdict.choices)
    reviewed = BooleanFilter(field_name="review", lookup_expr="isnull", exclude=True)

    class Meta:
        model = Analysis
        fields: list[str] = []


class ManualFilter(FilterSet):
    status = ChoicesFilter(choices=Manual.Status.choices)
    category_id = django_filters.UUIDFilter(field_name="category")

    class Meta:
        model = Manual
        fields: list[str] = []
