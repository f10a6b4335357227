from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from equipment.filters import AssignmentFilter, RoomAssignmentFilter
from equipment.models import Equipment, UserEquipmentAssignment
from equipment.serializers import AssignmentSerializer, BulkAssignmentResultSerializer, BulkAssignmentSerializer
from equipment.viewsets.rooms import RoomViewSet
from faultreporter.accounts.authentication import caller
from faultreporter.api.permissions import EVERYONE, MANAGERS
from faultreporter.api.viewsets import ListMixin, ModelViewSet
from faultreporter.errors import ValidationFailed

ORDERING_FIELDS = ("starts_at", "ends_at", "created_at", "updated_at")


@extend_schema_view(
    list=extend_schema(summary="List who looks after what"),
    retrieve=extend_schema(summary="Read an assignment"),
    create=extend_schema(summary="Put a person in charge of a machine"),
    update=extend_schema(summary="Change an assignment's role or dates"),
    partial_update=extend_schema(summary="Change an assignment's role or dates"),
    destroy=extend_schema(summary="Take a person off a machine"),
)
class AssignmentViewSet(ModelViewSet):
    """Who looks after which machine, in which role, from when to when."""

    model = UserEquipmentAssignment
    resource = "Assignment"
    serializer_class = AssignmentSerializer
    filterset_class = AssignmentFilter
    ordering_fields = ORDERING_FIELDS
    list_select_related = detail_select_related = ("user", "equipment")
    permissions = {
        "list": MANAGERS,
        "retrieve": MANAGERS,
        "create": MANAGERS,
        "update": MANAGERS,
        "partial_update": MANAGERS,
        "destroy": MANAGERS,
        "bulk": MANAGERS,
    }

    def create_record(self, data: dict[str, Any]) -> UserEquipmentAssignment:
        return UserEquipmentAssignment.assign(by=caller(self.request), **data)

    def change_record(self, record: UserEquipmentAssignment, data: dict[str, Any]) -> None:
        record.change(by=caller(self.request), **data)

    @extend_schema(
        summary="Put a person in charge of many machines",
        operation_id="createAssignments",
        request=BulkAssignmentSerializer,
        responses={201: BulkAssignmentResultSerializer},
    )
    @action(detail=False, methods=["post"])
    def bulk(self, request: Request) -> Response:
        body = BulkAssignmentSerializer(data=request.data, context=self.get_serializer_context())
        body.is_valid(raise_exception=True)
        data = {"starts_at": self.now(), **body.validated_data}
        wanted = set(data.pop("equipment_ids"))
        machines = Equipment.objects.for_user(caller(request)).living().in_bulk(wanted)
        if missing := wanted - set(machines):
            message = _("There is no machine %(id)s, or it is out of your sight.") % {"id": min(map(str, missing))}
            raise ValidationFailed(message, field="equipment_ids")
        created = UserEquipmentAssignment.assign_many(equipment=machines.values(), by=caller(request), **data)
        result = {"created": len(created), "unchanged": len(machines) - len(created)}
        return Response(result, status=status.HTTP_201_CREATED)


@extend_schema_view(
    list=extend_schema(summary="List who looks after a machine", operation_id="listEquipmentAssignments")
)
class EquipmentAssignmentViewSet(RoomViewSet):
    """Who looks after one machine."""

    model = UserEquipmentAssignment
    resource = "EquipmentAssignment"
    serializer_class = AssignmentSerializer
    filterset_class = RoomAssignmentFilter
    ordering_fields = ORDERING_FIELDS
    list_select_related = ("user", "equipment")
    permissions = {"list": EVERYONE}

    def rows_of(self, machine: Equipment) -> QuerySet[UserEquipmentAssignment]:
        return machine.assignments.all()


@extend_schema_view(list=extend_schema(summary="List the machines you look after", operation_id="listMyAssignments"))
class MyAssignmentViewSet(ListMixin):
    """What the caller looks after now."""

    model = UserEquipmentAssignment
    resource = "MyAssignment"
    serializer_class = AssignmentSerializer
    filterset_class = AssignmentFilter
    ordering_fields = ORDERING_FIELDS
    list_select_related = ("user", "equipment")
    permissions = {"list": EVERYONE}

    def get_queryset(self) -> Any:
        if getattr(self, "swagger_fake_view", False):
            return UserEquipmentAssignment.objects.none()
        rows: Any = super().get_queryset()
        mine = rows.filter(user=caller(self.request), equipment__deleted_at=None)
        return mine.active(timezone.now()) if not self.wants_deleted() else mine
