from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from equipment.filters import EquipmentFilter, PlacedEquipmentFilter
from equipment.models import Equipment
from equipment.serializers import (
    EquipmentDetailSerializer,
    EquipmentSerializer,
    EquipmentStatsSerializer,
    MoveInputSerializer,
    PlaceSerializer,
    QrCodeSerializer,
    StatusInputSerializer,
)
from faultreporter.accounts.authentication import caller
from faultreporter.api.actions import transition
from faultreporter.api.permissions import EVERYONE, MANAGERS, MANAGERS_AND_CONCERNED_TECHNICIANS
from faultreporter.api.schema import ERROR
from faultreporter.api.viewsets import GenericViewSet, ListMixin, ModelViewSet
from faultreporter.errors import InvalidParameter
from locations.viewsets import visible_location

SEARCH_FIELDS = ("equipment_code", "equipment_name", "serial_number", "asset_number")
ORDERING_FIELDS = ("equipment_code", "equipment_name", "status", "installed_date", "created_at", "updated_at")
SEVERAL = OpenApiResponse(ERROR, description="Several machines have this value; `meta.equipment_codes` names them.")
REVOKED = OpenApiResponse(ERROR, description="This label was replaced.")
LOOKUPS = {"qr": "", "code": "equipment_code", "serial": "serial_number", "asset_number": "asset_number"}


def with_expanded(view: GenericViewSet, rows: QuerySet[Any]) -> QuerySet[Any]:
    """Joins what `?expand=` asks a list for, so that a page stays one query."""
    names = sorted(view.get_serializer_context()["expand"])
    return rows.select_related(*names) if names else rows


@extend_schema_view(
    list=extend_schema(summary="List machines"),
    retrieve=extend_schema(summary="Read a machine"),
    create=extend_schema(summary="Add a machine"),
    update=extend_schema(summary="Change a machine"),
    partial_update=extend_schema(summary="Change a machine"),
    destroy=extend_schema(summary="Delete a machine that has no open work"),
)
class EquipmentViewSet(ModelViewSet):
    """Machines: what they are, where they stand, what state they are in."""

    model = Equipment
    resource = "Equipment"
    resource_plural = "Equipment"
    serializer_class = EquipmentDetailSerializer
    serializer_classes = {"list": EquipmentSerializer}
    filterset_class = EquipmentFilter
    search_fields = SEARCH_FIELDS
    ordering_fields = ORDERING_FIELDS
    detail_select_related = ("location", "category")
    permissions = {
        "list": EVERYONE,
        "retrieve": EVERYONE,
        "create": MANAGERS,
        "update": MANAGERS,
        "partial_update": MANAGERS,
        "destroy": MANAGERS,
        "restore": MANAGERS_AND_CONCERNED_TECHNICIANS,
        "move": MANAGERS_AND_CONCERNED_TECHNICIANS,
        "set_status": MANAGERS_AND_CONCERNED_TECHNICIANS,
        "rotate_qr_code": MANAGERS_AND_CONCERNED_TECHNICIANS,
        "location": EVERYONE,
        "qr_code": EVERYONE,
        "lookup": EVERYONE,
        "stats": EVERYONE,
    }
    parameters = {
        "lookup": [OpenApiParameter(name, str, description="Give exactly one of these.") for name in LOOKUPS],
        "stats": [OpenApiParameter("location_id", OpenApiTypes.UUID, description="Only what is there or below.")],
    }

    def get_queryset(self) -> Any:
        rows = super().get_queryset()
        return with_expanded(self, rows) if self.action == "list" else rows

    def create_record(self, data: dict[str, Any]) -> Equipment:
        return Equipment.add(by=caller(self.request), at=self.now(), **data)

    def reload(self, record: Equipment) -> Equipment:
        # A new machine carries all that its answer shows.
        return record if self.action == "create" else super().reload(record)

    def change_record(self, record: Equipment, data: dict[str, Any]) -> None:
        record.change(by=caller(self.request), at=self.now(), **data)

    @transition("restore", summary="Bring a deleted machine back")
    def restore(self, record: Equipment, data: dict[str, Any]) -> str:
        record.restore(**data)
        return _("Restored.")

    @transition("move", MoveInputSerializer, summary="Carry a machine to another place")
    def move(self, record: Equipment, data: dict[str, Any]) -> str:
        record.move_to(data.pop("location"), **data)
        return _("Moved.")

    @transition(
        "status", StatusInputSerializer, summary="Say what state a machine is in", operation_id="setEquipmentStatus"
    )
    def set_status(self, record: Equipment, data: dict[str, Any]) -> str:
        record.set_status(**data)
        return _("Status set.")

    @transition("qr-code/rotate", summary="Replace the label's QR code", operation_id="rotateEquipmentQrCode")
    def rotate_qr_code(self, record: Equipment, data: dict[str, Any]) -> str:
        record.rotate_qr_code(**data)
        return _("Print the new label; the old one is not valid any more.")

    @extend_schema(summary="Read where a machine is", operation_id="getEquipmentLocation", responses=PlaceSerializer)
    @action(detail=True)
    def location(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return Response(PlaceSerializer(self.permitted(self.get_queryset()).place()).data)

    @extend_schema(
        summary="Read what a label's QR code says", operation_id="getEquipmentQrCode", responses=QrCodeSerializer
    )
    @action(detail=True, url_path="qr-code")
    def qr_code(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return Response(QrCodeSerializer(self.permitted(self.get_queryset())).data)

    @extend_schema(
        summary="Find a machine by its label",
        operation_id="lookupEquipment",
        responses={200: EquipmentDetailSerializer, 409: SEVERAL, 410: REVOKED},
    )
    @action(detail=False)
    def lookup(self, request: Request) -> Response:
        given = {name: value for name, value in request.query_params.dict().items() if value.strip()}
        if len(given) != 1:
            raise InvalidParameter(_("Give exactly one of qr, code, serial and asset_number."), field="qr")
        ((name, value),) = given.items()
        if name == "qr":
            return self.answer(self.get_queryset().by_qr_token(value))
        return self.answer(self.get_queryset().single(by_field=LOOKUPS[name], value=value.strip()))

    @extend_schema(
        summary="Count machines by state", operation_id="getEquipmentStats", responses=EquipmentStatsSerializer
    )
    @action(detail=False)
    def stats(self, request: Request) -> Response:
        rows: Any = self.filter_queryset(self.get_queryset().select_related(None))
        return Response(rows.stats())


@extend_schema_view(
    list=extend_schema(summary="List the machines in a place and below it", operation_id="listLocationEquipment")
)
class EquipmentInLocationViewSet(ListMixin):
    """The machines in a place and everywhere below it."""

    model = Equipment
    resource = "LocationEquipment"
    serializer_class = EquipmentSerializer
    filterset_class = PlacedEquipmentFilter
    search_fields = SEARCH_FIELDS
    ordering_fields = ORDERING_FIELDS
    permissions = {"list": EVERYONE}

    def get_queryset(self) -> QuerySet[Any]:
        if getattr(self, "swagger_fake_view", False):
            return Equipment.objects.none()
        rows = Equipment.objects.in_location(visible_location(self).pk)
        return with_expanded(self, rows if self.wants_deleted() else rows.living())
