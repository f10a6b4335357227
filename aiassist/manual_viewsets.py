from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from aiassist import manual_search
from aiassist.filters import ManualFilter
from aiassist.manual_serializers import (
    ManualChangeSerializer,
    ManualHitSerializer,
    ManualSearchSerializer,
    ManualSerializer,
)
from aiassist.models import Manual
from faultreporter.accounts.authentication import caller
from faultreporter.api.permissions import HANDLERS, MANAGERS
from faultreporter.api.viewsets import ModelViewSet

MOST_HITS = 20


@extend_schema_view(
    list=extend_schema(summary="List manuals"),
    retrieve=extend_schema(summary="Read what is known about a manual"),
    create=extend_schema(summary="Add a manual; its pages are read in the background"),
    update=extend_schema(summary="Correct what a manual is about", request=ManualChangeSerializer),
    partial_update=extend_schema(summary="Correct what a manual is about", request=ManualChangeSerializer),
    destroy=extend_schema(summary="Delete a manual"),
)
class ManualViewSet(ModelViewSet):
    """Makers' handbooks, whose pages an answer may cite."""

    model = Manual
    resource = "Manual"
    serializer_class = ManualSerializer
    serializer_classes = {
        "retrieve": ManualSerializer,
        "update": ManualChangeSerializer,
        "partial_update": ManualChangeSerializer,
    }
    filterset_class = ManualFilter
    search_fields = ("title", "manufacturer", "model")
    ordering_fields = ("title", "created_at", "updated_at")
    unpaged_actions = ("search",)
    permissions = {
        "list": HANDLERS,
        "retrieve": HANDLERS,
        "create": MANAGERS,
        "update": MANAGERS,
        "partial_update": MANAGERS,
        "destroy": MANAGERS,
        "search": HANDLERS,
    }
    parameters = {
        "search": [
            OpenApiParameter("category_id", OpenApiTypes.UUID, required=True, description="The kind of machine."),
            OpenApiParameter("q", str, required=True, description="Words; misspelt ones find what they look like."),
            OpenApiParameter("manufacturer", str, description="Leaves out manuals of other makes."),
            OpenApiParameter("model", str, description="Leaves out manuals of other models."),
        ]
    }

    def create_record(self, data: dict[str, Any]) -> Manual:
        return Manual.add(by=caller(self.request), **data)

    def change_record(self, record: Manual, data: dict[str, Any]) -> None:
        record.change(by=caller(self.request), **data)

    @extend_schema(
        summary="Find the pages of manuals that speak of something",
        operation_id="searchManuals",
        responses=ManualHitSerializer(many=True),
    )
    @action(detail=False)
    def search(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        asked = ManualSearchSerializer(data=request.query_params.dict(), context=self.get_serializer_context())
        asked.is_valid(raise_exception=True)
        scope = dict(asked.validated_data)
        words = scope.pop("q")
        hits = manual_search.search(Manual.objects.readable().about(**scope), words, most=MOST_HITS)
        return Response(ManualHitSerializer(hits, many=True).data)
