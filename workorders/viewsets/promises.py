from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_view

from faultreporter.accounts.authentication import caller
from faultreporter.api.permissions import EVERYONE, MANAGERS
from faultreporter.api.viewsets import ModelViewSet
from workorders.filters import HoldReasonFilter, SlaPolicyFilter
from workorders.models import HoldReason, SlaPolicy
from workorders.serializers import HoldReasonSerializer, SlaPolicySerializer

READ_ALL_WRITE_MANAGERS = {
    "list": EVERYONE,
    "retrieve": EVERYONE,
    "create": MANAGERS,
    "update": MANAGERS,
    "partial_update": MANAGERS,
    "destroy": MANAGERS,
}


@extend_schema_view(
    list=extend_schema(summary="List response and restore targets"),
    retrieve=extend_schema(summary="Read the targets of a priority"),
    create=extend_schema(summary="Promise targets for a priority, on a site or everywhere"),
    update=extend_schema(summary="Change targets for orders raised from now on"),
    partial_update=extend_schema(summary="Change targets for orders raised from now on"),
    destroy=extend_schema(summary="Promise nothing of the kind from now on"),
)
class SlaPolicyViewSet(ModelViewSet):
    """What is promised per priority. An order keeps what held when it was raised."""

    model = SlaPolicy
    resource = "SlaPolicy"
    resource_plural = "SlaPolicies"
    serializer_class = SlaPolicySerializer
    filterset_class = SlaPolicyFilter
    ordering = ("priority", "created_at")
    ordering_fields = ("priority", "response_minutes", "restore_minutes", "created_at", "updated_at")
    permissions = READ_ALL_WRITE_MANAGERS

    def create_record(self, data: dict[str, Any]) -> SlaPolicy:
        return SlaPolicy.add(by=caller(self.request), **data)

    def change_record(self, record: SlaPolicy, data: dict[str, Any]) -> None:
        record.change(by=caller(self.request), **data)


@extend_schema_view(
    list=extend_schema(summary="List the reasons for which work waits"),
    retrieve=extend_schema(summary="Read a hold reason"),
    create=extend_schema(summary="Add a hold reason"),
    update=extend_schema(summary="Change a hold reason for holds from now on"),
    partial_update=extend_schema(summary="Change a hold reason for holds from now on"),
    destroy=extend_schema(summary="Delete a hold reason"),
)
class HoldReasonViewSet(ModelViewSet):
    """Why work waits, and whether its restore clock waits with it."""

    model = HoldReason
    resource = "HoldReason"
    serializer_class = HoldReasonSerializer
    filterset_class = HoldReasonFilter
    search_fields = ("code", "name")
    ordering = ("code",)
    ordering_fields = ("code", "name", "created_at", "updated_at")
    permissions = READ_ALL_WRITE_MANAGERS
