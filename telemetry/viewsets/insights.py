import uuid
from typing import Any

import django_filters
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from faultreporter.accounts.authentication import caller
from faultreporter.api.filters import BooleanFilter, ChoicesFilter, FilterSet, InstantFilter
from faultreporter.api.permissions import HANDLERS, MANAGERS
from faultreporter.api.viewsets import ModelViewSet, ReadOnlyViewSet
from locations.models import at_or_below
from telemetry.models import Detector, Insight, InsightFeedback, InsightQuerySet
from telemetry.serializers.insights import (
    DetectorSerializer,
    FeedbackSerializer,
    InsightDetailSerializer,
    InsightSerializer,
)


class DetectorFilter(FilterSet):
    metric = django_filters.CharFilter(field_name="metric__code")
    category_id = django_filters.UUIDFilter(field_name="category")
    kind = ChoicesFilter(choices=Detector.Kind.choices)
    visibility = ChoicesFilter(choices=Detector.Visibility.choices)
    is_enabled = BooleanFilter()

    class Meta:
        model = Detector
        fields: list[str] = []


class InsightFilter(FilterSet):
    equipment_id = django_filters.UUIDFilter(field_name="equipment")
    location_id = django_filters.UUIDFilter(method="filter_location", label="A place: machines in it and below it.")
    series_id = django_filters.NumberFilter(field_name="series", min_value=1, max_value=2**31 - 1)
    metric = django_filters.CharFilter(field_name="series__metric__code")
    detector_id = django_filters.UUIDFilter(field_name="detector")
    group_id = django_filters.UUIDFilter(method="filter_group", label="All of one group.")
    kind = ChoicesFilter(field_name="detector__kind", choices=Detector.Kind.choices)
    state = ChoicesFilter(choices=Insight.State.choices)
    verdict = ChoicesFilter(
        method="filter_verdict", choices=InsightFeedback.Verdict.choices, label="Somebody has said so."
    )
    is_open = BooleanFilter(method="filter_open", label="Whether it is still going on.")
    is_leading = BooleanFilter(method="filter_leading", label="true: one of each group, the first.")
    started_after = InstantFilter(field_name="started_at", lookup_expr="gte")
    started_before = InstantFilter(field_name="started_at", lookup_expr="lt")

    class Meta:
        model = Insight
        fields: list[str] = []

    def filter_location(self, rows: InsightQuerySet, name: str, value: uuid.UUID) -> InsightQuerySet:
        return rows.filter(equipment__location__in=at_or_below(value))

    def filter_group(self, rows: InsightQuerySet, name: str, value: uuid.UUID) -> InsightQuerySet:
        return rows.of_group(value)

    def filter_verdict(self, rows: InsightQuerySet, name: str, value: list[str]) -> InsightQuerySet:
        said = InsightFeedback.objects.filter(verdict__in=value)
        return rows.filter(pk__in=said.values("insight"))

    def filter_open(self, rows: InsightQuerySet, name: str, value: bool) -> InsightQuerySet:
        return rows.open() if value else rows.over()

    def filter_leading(self, rows: InsightQuerySet, name: str, value: bool) -> InsightQuerySet:
        return rows.leading() if value else rows.exclude(leader=None)


@extend_schema_view(
    list=extend_schema(summary="List detectors, with what people said of their insights"),
    retrieve=extend_schema(summary="Read a detector, with what people said of its insights"),
    create=extend_schema(summary="Add a detector; it begins in shadow unless said otherwise"),
    update=extend_schema(summary="Switch a detector on or off, or between shadow and shown"),
    partial_update=extend_schema(summary="Switch a detector on or off, or between shadow and shown"),
    destroy=extend_schema(summary="Delete a detector; its insights stay"),
)
class DetectorViewSet(ModelViewSet):
    """Ways of finding what is unusual in a metric. Every gauge begins with one, in shadow."""

    model = Detector
    resource = "Detector"
    serializer_class = DetectorSerializer
    filterset_class = DetectorFilter
    search_fields = ("metric__code", "metric__name", "category__name")
    ordering = ("metric__code", "kind")
    ordering_fields = ("metric__code", "kind", "visibility", "insight_count", "created_at", "updated_at")
    list_select_related = detail_select_related = ("metric", "category")
    permissions = dict.fromkeys(("list", "retrieve", "create", "update", "partial_update", "destroy"), MANAGERS)

    def get_queryset(self) -> Any:
        return self.prefetched(super().get_queryset())

    def prefetched(self, rows: Any) -> Any:
        return rows.with_figures()

    def create_record(self, data: dict[str, Any]) -> Detector:
        return Detector.objects.create(created_by=caller(self.request), **data)

    def change_record(self, record: Detector, data: dict[str, Any]) -> None:
        record.change(by=caller(self.request), **data)


@extend_schema_view(
    list=extend_schema(summary="List insights; managers also see what is in shadow or over a machine's daily budget"),
    retrieve=extend_schema(summary="Read an insight and the others of its group"),
)
class InsightViewSet(ReadOnlyViewSet):
    """What detectors found unusual, for people to look at and to say whether it was worth it."""

    model = Insight
    resource = "Insight"
    serializer_class = InsightSerializer
    serializer_classes = {"retrieve": InsightDetailSerializer}
    filterset_class = InsightFilter
    search_fields = (
        "equipment__equipment_code", "equipment__equipment_name", "series__metric__code", "series__metric__name",
    )  # fmt: skip
    ordering = ("-started_at",)
    ordering_fields = ("started_at", "ended_at", "peak_score", "equipment__equipment_code", "created_at", "updated_at")
    list_select_related = detail_select_related = ("equipment", "series__metric", "detector")
    permissions = {"list": HANDLERS, "retrieve": HANDLERS, "feedback": HANDLERS}

    def get_queryset(self) -> Any:
        return self.prefetched(super().get_queryset())

    def prefetched(self, rows: Any) -> Any:
        return rows.prefetch_related("feedback")

    @extend_schema(
        summary="Say what you make of an insight; a later verdict replaces yours",
        request=FeedbackSerializer,
        responses=InsightDetailSerializer,
    )
    @action(detail=True, methods=["post"])
    def feedback(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        insight = self.lock_object()
        insight.give_feedback(by=caller(request), **self.body(FeedbackSerializer))
        return self.answer(self.reload(insight))
