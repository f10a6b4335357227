from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.request import Request
from rest_framework.response import Response

from equipment.filters import CodeFilter, FailureCauseFilter, FailureMechanismFilter, FailureModeFilter
from equipment.models import Category, Equipment, FailureCause, FailureMechanism, FailureMode, Remedy
from equipment.serializers import (
    CategorySerializer,
    FailureCatalogueSerializer,
    FailureCauseSerializer,
    FailureMechanismSerializer,
    FailureModeSerializer,
    RemedySerializer,
)
from equipment.viewsets.rooms import visible_machine
from faultreporter.api.filters import FilterSet
from faultreporter.api.permissions import EVERYONE, MANAGERS
from faultreporter.api.viewsets import GenericViewSet, ModelViewSet

READ_ALL_WRITE_MANAGERS = {
    "list": EVERYONE,
    "retrieve": EVERYONE,
    "create": MANAGERS,
    "update": MANAGERS,
    "partial_update": MANAGERS,
    "destroy": MANAGERS,
}


@extend_schema_view(
    list=extend_schema(summary="List kinds of machines"),
    retrieve=extend_schema(summary="Read a kind of machine"),
    create=extend_schema(summary="Add a kind of machine"),
    update=extend_schema(summary="Change a kind of machine"),
    partial_update=extend_schema(summary="Change a kind of machine"),
    destroy=extend_schema(summary="Delete a kind that nothing belongs to"),
)
class CategoryViewSet(ModelViewSet):
    """Kinds of machines."""

    model = Category
    resource = "Category"
    resource_plural = "Categories"
    serializer_class = CategorySerializer
    filterset_class = FilterSet
    search_fields = ("code", "name")
    ordering = ("code",)
    ordering_fields = ("code", "name", "created_at", "updated_at")
    permissions = READ_ALL_WRITE_MANAGERS


@extend_schema_view(
    list=extend_schema(summary="List ways in which machines fail"),
    retrieve=extend_schema(summary="Read a failure mode"),
    create=extend_schema(summary="Add a failure mode"),
    update=extend_schema(summary="Change a failure mode"),
    partial_update=extend_schema(summary="Change a failure mode"),
    destroy=extend_schema(summary="Delete a failure mode"),
)
class FailureModeViewSet(ModelViewSet):
    """Ways in which machines fail."""

    model = FailureMode
    resource = "FailureMode"
    serializer_class = FailureModeSerializer
    filterset_class = FailureModeFilter
    search_fields = ("code", "name")
    ordering = ("code",)
    ordering_fields = ("code", "name", "created_at", "updated_at")
    permissions = READ_ALL_WRITE_MANAGERS


def summaries(one: str, many: str) -> Any:
    return extend_schema_view(
        list=extend_schema(summary=f"List {many}"),
        retrieve=extend_schema(summary=f"Read a {one}"),
        create=extend_schema(summary=f"Add a {one}"),
        update=extend_schema(summary=f"Change a {one}"),
        partial_update=extend_schema(summary=f"Change a {one}"),
        destroy=extend_schema(summary=f"Delete a {one}; where it was said it stays"),
    )


class CodeViewSet(ModelViewSet):
    """What the three general catalogues have in common."""

    search_fields = ("code", "name", "description")
    ordering = ("code",)
    ordering_fields = ("code", "name", "created_at", "updated_at")
    permissions = READ_ALL_WRITE_MANAGERS


@summaries("failure mechanism", "failure mechanisms")
class FailureMechanismViewSet(CodeViewSet):
    """Processes that lead to failures."""

    model = FailureMechanism
    resource = "FailureMechanism"
    serializer_class = FailureMechanismSerializer
    filterset_class = FailureMechanismFilter


@summaries("failure cause", "failure causes")
class FailureCauseViewSet(CodeViewSet):
    """Circumstances that let machines fail."""

    model = FailureCause
    resource = "FailureCause"
    serializer_class = FailureCauseSerializer
    filterset_class = FailureCauseFilter


@summaries("remedy", "remedies")
class RemedyViewSet(CodeViewSet):
    """What can be done about a failure."""

    model = Remedy
    resource = "Remedy"
    resource_plural = "Remedies"
    serializer_class = RemedySerializer
    filterset_class = CodeFilter


class FailureCatalogueViewSet(GenericViewSet):
    """For the pickers of a phone: what a finding on this machine can be coded with, in one call."""

    model = Equipment
    resource = "FailureCatalogue"
    operation_names = {"show": "getFailureCatalogue"}
    serializer_class = FailureCatalogueSerializer
    permissions = {"show": EVERYONE}

    @extend_schema(
        summary="Read what a finding on a machine can be coded with",
        filters=False,
        responses=FailureCatalogueSerializer,
    )
    def show(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        machine = visible_machine(self)
        modes = FailureMode.objects.living().applicable_to(machine.category_id)
        found = {
            "failure_modes": modes.order_by("code"),
            "mechanisms": FailureMechanism.objects.offered().order_by("code"),
            "causes": FailureCause.objects.offered().order_by("code"),
            "remedies": Remedy.objects.offered().order_by("code"),
        }
        return Response(FailureCatalogueSerializer(found).data)
