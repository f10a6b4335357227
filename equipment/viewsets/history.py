from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view

from equipment.filters import StatusLogFilter
from equipment.models import Equipment, Move, StatusInterval
from equipment.serializers import MoveSerializer, StatusIntervalSerializer
from equipment.viewsets.rooms import RoomViewSet
from faultreporter.api.filters import FilterSet
from faultreporter.api.permissions import EVERYONE


@extend_schema_view(list=extend_schema(summary="List when a machine was down", operation_id="listEquipmentStatusLog"))
class StatusLogViewSet(RoomViewSet):
    """When the machine was not simply running, newest first."""

    model = StatusInterval
    resource = "StatusInterval"
    serializer_class = StatusIntervalSerializer
    filterset_class = StatusLogFilter
    ordering = ("-started_at",)
    ordering_fields = ("started_at", "ended_at")
    permissions = {"list": EVERYONE}

    def rows_of(self, machine: Equipment) -> QuerySet[StatusInterval]:
        return machine.status_log.all()


@extend_schema_view(list=extend_schema(summary="List where a machine has been", operation_id="listEquipmentMoves"))
class MoveViewSet(RoomViewSet):
    """Where the machine was carried, newest first."""

    model = Move
    resource = "Move"
    serializer_class = MoveSerializer
    filterset_class = FilterSet
    ordering = ("-at",)
    ordering_fields = ("at",)
    permissions = {"list": EVERYONE}

    def rows_of(self, machine: Equipment) -> QuerySet[Move]:
        return machine.moves.all()
