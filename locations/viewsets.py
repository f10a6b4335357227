from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from faultreporter.accounts.authentication import caller
from faultreporter.api.actions import transition
from faultreporter.api.permissions import EVERYONE, MANAGERS
from faultreporter.api.viewsets import GenericViewSet, ListMixin, ModelViewSet
from faultreporter.errors import NotFound
from locations.filters import LocationFilter
from locations.models import Location, lock_tree
from locations.scope import sees
from locations.serializers import (
    FloorPlanInputSerializer,
    FloorPlanSerializer,
    LocationSerializer,
    TreeSerializer,
)


@extend_schema_view(
    list=extend_schema(summary="List places"),
    retrieve=extend_schema(summary="Read a place"),
    create=extend_schema(summary="Add a place"),
    update=extend_schema(summary="Change a place; another parent moves all that is in it"),
    partial_update=extend_schema(summary="Change a place; another parent moves all that is in it"),
    destroy=extend_schema(summary="Delete an empty place"),
)
class LocationViewSet(ModelViewSet):
    """Sites, buildings, floors, rooms and zones."""

    model = Location
    resource = "Location"
    serializer_class = LocationSerializer
    filterset_class = LocationFilter
    search_fields = ("code", "name")
    ordering_fields = ("code", "name", "kind", "floor_level", "created_at", "updated_at")
    unpaged_actions = ("tree",)
    permissions = {
        "list": EVERYONE,
        "retrieve": EVERYONE,
        "create": MANAGERS,
        "update": MANAGERS,
        "partial_update": MANAGERS,
        "destroy": MANAGERS,
        "restore": MANAGERS,
        "tree": EVERYONE,
        "floor_plan": EVERYONE,
        "set_floor_plan": MANAGERS,
    }

    def lock_object(self) -> Any:
        # In the order of the model's own locks: tree, then row.
        lock_tree()
        return super().lock_object()

    def create_record(self, data: dict[str, Any]) -> Location:
        return Location.add(by=caller(self.request), **data)

    def change_record(self, record: Location, data: dict[str, Any]) -> None:
        record.change(by=caller(self.request), **data)

    @transition("restore", summary="Bring a deleted place back")
    def restore(self, record: Location, data: dict[str, Any]) -> str:
        record.restore(**data)
        return _("Restored.")

    @extend_schema(
        summary="Read all places as a tree", operation_id="getLocationTree", responses=TreeSerializer(many=True)
    )
    @action(detail=False)
    def tree(self, request: Request) -> Response:
        rows: Any = self.get_queryset()
        return Response(rows.as_tree())

    @extend_schema(summary="Read a floor plan", operation_id="getFloorPlan", responses=FloorPlanSerializer)
    @action(detail=True, url_path="floor-plan")
    def floor_plan(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.floor_plan_answer(self.permitted(self.get_queryset().select_related("floor_plan")))

    @extend_schema(
        summary="Set the picture of a floor plan, and where its rooms are",
        operation_id="setFloorPlan",
        request=FloorPlanInputSerializer,
        responses=FloorPlanSerializer,
    )
    @floor_plan.mapping.put
    def set_floor_plan(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        location = self.lock_object()
        body = FloorPlanInputSerializer(data=request.data, context=self.get_serializer_context())
        body.is_valid(raise_exception=True)
        location.set_floor_plan(by=caller(request), **body.validated_data)
        return self.floor_plan_answer(location)

    @staticmethod
    def floor_plan_answer(location: Location) -> Response:
        return Response(FloorPlanSerializer(location).data)


def visible_location(view: GenericViewSet) -> Location:
    """The place that the address names; what is inside it is in sight if the place is."""
    location = Location.objects.living().select_related("site").filter(pk=view.kwargs["location_id"]).first()
    if location is None or not sees(caller(view.request), location.site or location):
        raise NotFound(_("There is no such place, or it is out of your sight."))
    return location


@extend_schema_view(
    list=extend_schema(summary="List the places directly in a place", operation_id="listLocationChildren")
)
class ChildrenViewSet(ListMixin):
    """The places directly inside another."""

    model = Location
    resource = "LocationChild"
    serializer_class = LocationSerializer
    filterset_class = LocationFilter
    search_fields = ("code", "name")
    ordering = ("floor_level", "code")
    ordering_fields = LocationViewSet.ordering_fields
    permissions = {"list": EVERYONE}

    def get_queryset(self) -> QuerySet[Any]:
        if getattr(self, "swagger_fake_view", False):
            return Location.objects.none()
        children = visible_location(self).children.all()
        return children if self.wants_deleted() else children.living()
