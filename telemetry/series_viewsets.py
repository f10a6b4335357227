from typing import Any

from django.db.models import F
from drf_spectacular.utils import extend_schema, extend_schema_view

from faultreporter.api.permissions import EVERYONE, MANAGERS
from faultreporter.api.viewsets import ListMixin, RetrieveMixin, UpdateMixin
from telemetry.filters import SeriesFilter
from telemetry.models import Series
from telemetry.series_serializers import SeriesDetailSerializer, SeriesSerializer


@extend_schema_view(
    list=extend_schema(summary="List series"),
    retrieve=extend_schema(summary="Read a series, with how far apart its readings are"),
    update=extend_schema(summary="State how far apart a series' readings should be"),
    partial_update=extend_schema(summary="State how far apart a series' readings should be"),
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
        "created_at",
        "updated_at",
    )
    list_select_related = detail_select_related = ("equipment", "metric", "gateway", "latest")
    permissions = {"list": EVERYONE, "retrieve": EVERYONE, "update": MANAGERS, "partial_update": MANAGERS}

    def get_queryset(self) -> Any:
        return self.prefetched(super().get_queryset())

    def prefetched(self, rows: Any) -> Any:
        columns = {"equipment_code": F("equipment__equipment_code"), "recorded_at": F("latest__recorded_at")}
        return rows.with_staleness(self.now()).annotate(**columns)

    def change_record(self, record: Series, data: dict[str, Any]) -> None:
        if data:
            record.expect(data["expected_interval_s"])
