from drf_spectacular.utils import extend_schema, extend_schema_view

from equipment.filters import FailureModeFilter
from equipment.models import Category, FailureMode
from equipment.serializers import CategorySerializer, FailureModeSerializer
from faultreporter.api.filters import FilterSet
from faultreporter.api.permissions import EVERYONE, MANAGERS
from faultreporter.api.viewsets import ModelViewSet

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
