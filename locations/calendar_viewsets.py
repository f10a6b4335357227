from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view

from faultreporter.accounts.authentication import caller
from faultreporter.api.filters import FilterSet
from faultreporter.api.permissions import EVERYONE, MANAGERS
from faultreporter.api.viewsets import ModelViewSet
from locations.models import BusinessCalendar
from locations.serializers import BusinessCalendarSerializer


@extend_schema_view(
    list=extend_schema(summary="List business calendars"),
    retrieve=extend_schema(summary="Read a business calendar with its holidays"),
    create=extend_schema(summary="Add a business calendar"),
    update=extend_schema(summary="Change a business calendar; a list of holidays replaces the old one"),
    partial_update=extend_schema(summary="Change a business calendar; a list of holidays replaces the old one"),
    destroy=extend_schema(summary="Delete a business calendar that no site follows"),
)
class BusinessCalendarViewSet(ModelViewSet):
    """Business hours and holidays, which response and restore times are counted in."""

    model = BusinessCalendar
    resource = "BusinessCalendar"
    serializer_class = BusinessCalendarSerializer
    filterset_class = FilterSet
    search_fields = ("name", "description")
    ordering = ("name",)
    ordering_fields = ("name", "created_at", "updated_at")
    permissions = {
        "list": EVERYONE,
        "retrieve": EVERYONE,
        "create": MANAGERS,
        "update": MANAGERS,
        "partial_update": MANAGERS,
        "destroy": MANAGERS,
    }

    def get_queryset(self) -> QuerySet[Any]:
        rows = super().get_queryset()
        return rows.prefetch_related("holidays") if self.action == "list" else rows

    def prefetched(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.prefetch_related("holidays")

    def create_record(self, data: dict[str, Any]) -> BusinessCalendar:
        return BusinessCalendar.add(by=caller(self.request), **data)

    def change_record(self, record: BusinessCalendar, data: dict[str, Any]) -> None:
        record.change(by=caller(self.request), **data)
