from typing import Any

from django.db.models import F
from django.urls import reverse
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from faultreporter.accounts.authentication import caller
from faultreporter.api.permissions import EVERYONE, HANDLERS, MANAGERS
from faultreporter.api.viewsets import ListMixin, RetrieveMixin, UpdateMixin
from telemetry.filters import SeriesFilter
from telemetry.hand_readings.by_hand import Outcome, Typed, enter
from telemetry.models import Series
from telemetry.serializers.hand_readings import EnteredReadingSerializer, TypedReadingSerializer
from telemetry.serializers.series import SeriesDetailSerializer, SeriesSerializer
from telemetry.viewsets.hand_readings import entered_json


@extend_schema_view(
    list=extend_schema(summary="List series"),
    retrieve=extend_schema(summary="Read a series, with how far apart its readings are"),
    update=extend_schema(summary="State how a series is read: how often, and whether by people"),
    partial_update=extend_schema(summary="State how a series is read: how often, and whether by people"),
)
class SeriesViewSet(ListMixin, RetrieveMixin, UpdateMixin):
    """What is measured where: one metric of one machine each. Its first reading makes a series."""

    model = Series
    resource = "Series"
    resource_plural = "SeriesList"
    lookup_value_regex = "[0-9]{1,9}"
    serializer_class = SeriesSerializer
    serializer_classes = {"retrieve": SeriesDetailSerializer}
    filterset_class = SeriesFilter
    search_fields = ("equipment__equipment_code", "equipment__equipment_name", "metric__code", "metric__name")
    ordering = ("-id",)
    ordering_fields = (
        "id",
        "equipment_code",
        "metric",
        "recorded_at",
        "expected_interval_s",
        "location",
        "created_at",
        "updated_at",
    )
    list_select_related = detail_select_related = ("equipment__location", "metric", "gateway", "latest")
    permissions = {
        "list": EVERYONE,
        "retrieve": EVERYONE,
        "update": MANAGERS,
        "partial_update": MANAGERS,
        "readings": HANDLERS,
    }

    def get_queryset(self) -> Any:
        return self.prefetched(super().get_queryset())

    def prefetched(self, rows: Any) -> Any:
        columns = {"equipment_code": F("equipment__equipment_code"), "recorded_at": F("latest__recorded_at")}
        columns["location"] = F("equipment__location__name")
        return rows.with_staleness(self.now()).annotate(**columns)

    def change_record(self, record: Series, data: dict[str, Any]) -> None:
        if data:
            record.change(**data)

    @extend_schema(
        operation_id="enterSeriesReading",
        summary="Enter a reading that you have taken by hand",
        request=TypedReadingSerializer,
        responses={
            201: OpenApiResponse(EnteredReadingSerializer, "It is stored."),
            200: OpenApiResponse(EnteredReadingSerializer, "Just this value was stored for this moment already."),
        },
    )
    @action(detail=True, methods=["post"])
    def readings(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Judged, summed up and shown like any other. A value that looks like a typing error is refused until you
        confirm it."""
        series = self.permitted(self.get_queryset())
        typed = Typed(equipment_id=series.equipment_id, metric=series.metric.code, **self.body(TypedReadingSerializer))
        found = enter(typed, by=caller(request), at=self.now())
        response = Response(entered_json(found))
        if found.outcome is Outcome.CREATED and found.record:
            response.status_code = status.HTTP_201_CREATED
            response["Location"] = reverse("hand-reading-detail", args=[found.record.pk])
        return response
