from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from faultreporter.accounts.authentication import caller
from faultreporter.api.actions import transition
from faultreporter.api.filters import FilterSet
from faultreporter.api.permissions import EVERYONE, HANDLERS, MANAGERS, MANAGERS_AND_CONCERNED_TECHNICIANS
from faultreporter.api.schema import PAGE_PARAMETERS
from faultreporter.api.viewsets import ModelViewSet
from workorders.filters import PartFilter
from workorders.models import CostEntry, Part, PartUse
from workorders.serializers import (
    CorrectStockSerializer,
    CostEntrySerializer,
    CostInputSerializer,
    PartSerializer,
    PartSuggestionSerializer,
    PartUseChangeSerializer,
    PartUseInputSerializer,
    PartUseSerializer,
    ReceiveSerializer,
    StockMovementSerializer,
)
from workorders.viewsets.rooms import OfOrder

OWN = MANAGERS_AND_CONCERNED_TECHNICIANS
USE_CHANGED: dict[str, Any] = {"request": PartUseChangeSerializer, "responses": PartUseSerializer}
COST_CHANGED: dict[str, Any] = {"request": CostInputSerializer, "responses": CostEntrySerializer}
WRITES = dict.fromkeys(("create", "update", "partial_update", "destroy"), OWN)
MOST_SUGGESTIONS = 20


@extend_schema_view(
    list=extend_schema(summary="List spare parts"),
    retrieve=extend_schema(summary="Read a part and its stock"),
    create=extend_schema(summary="Add a part; its stock begins at 0"),
    update=extend_schema(summary="Change a part"),
    partial_update=extend_schema(summary="Change a part"),
    destroy=extend_schema(summary="Delete a part of which none is in stock"),
)
class PartViewSet(ModelViewSet):
    """Spare parts and their stock."""

    model = Part
    resource = "Part"
    operation_names = {"movements": "listPartMovements"}
    serializer_class = PartSerializer
    filterset_class = PartFilter
    search_fields = ("number", "name", "manufacturer")
    ordering = ("number",)
    ordering_fields = ("number", "name", "stock", "created_at", "updated_at")
    permissions = {
        "list": EVERYONE,
        "retrieve": EVERYONE,
        "create": MANAGERS,
        "update": MANAGERS,
        "partial_update": MANAGERS,
        "destroy": MANAGERS,
        "receive": MANAGERS,
        "correct": MANAGERS,
        "movements": HANDLERS,
    }
    parameters = {"movements": PAGE_PARAMETERS}

    @transition("receive", ReceiveSerializer, summary="Put a delivery into the store")
    def receive(self, record: Part, data: dict[str, Any]) -> str:
        record.receive(**data)
        return _("Received.")

    @transition("correct", CorrectStockSerializer, summary="Say how many were counted")
    def correct(self, record: Part, data: dict[str, Any]) -> str:
        return _("Corrected.") if record.correct(**data) else _("The count was right.")

    @extend_schema(
        summary="Read what came and went, newest first", filters=False, responses=StockMovementSerializer(many=True)
    )
    @action(detail=True)
    def movements(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        part = self.permitted(self.get_queryset())
        rows = part.movements.select_related("by", "work_order").order_by("-created_at", "-id")
        return self.page_answer(rows, StockMovementSerializer)


@extend_schema_view(
    list=extend_schema(summary="List the parts that went into an order"),
    retrieve=extend_schema(summary="Read a use of parts"),
    create=extend_schema(
        summary="Use parts, from the store or bought for it",
        request=PartUseInputSerializer,
        responses={201: PartUseSerializer},
    ),
    update=extend_schema(summary="Correct how many were used, or what they cost", **USE_CHANGED),
    partial_update=extend_schema(summary="Correct how many were used, or what they cost", **USE_CHANGED),
    destroy=extend_schema(summary="Take back a use; the parts return to the store"),
)
class PartUseViewSet(OfOrder, ModelViewSet):
    """Parts that went into one order."""

    model = PartUse
    resource = "PartUse"
    operation_names = {"suggestions": "listPartSuggestions"}
    unpaged_actions = ("suggestions",)
    serializer_class = PartUseSerializer
    serializer_classes = {
        "list": PartUseSerializer,
        "retrieve": PartUseSerializer,
        "create": PartUseInputSerializer,
        "update": PartUseChangeSerializer,
        "partial_update": PartUseChangeSerializer,
    }
    filterset_class = FilterSet
    ordering_fields = ("created_at", "updated_at")
    list_select_related = detail_select_related = ("part", "created_by")
    permissions = {"list": EVERYONE, "retrieve": EVERYONE, "suggestions": EVERYONE, **WRITES}

    def create_record(self, data: dict[str, Any]) -> PartUse:
        return PartUse.take(order=self.order_to_add_to(), by=caller(self.request), at=self.now(), **data)

    def change_record(self, record: PartUse, data: dict[str, Any]) -> None:
        record.change(by=caller(self.request), at=self.now(), **data)

    @extend_schema(
        summary="List parts that this machine or its kind used before",
        filters=False,
        responses=PartSuggestionSerializer(many=True),
    )
    def suggestions(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        found = Part.objects.suggested_for(self.order.equipment)[:MOST_SUGGESTIONS]
        return Response(PartSuggestionSerializer(found, many=True, context=self.get_serializer_context()).data)


@extend_schema_view(
    list=extend_schema(summary="List the other costs of an order"),
    retrieve=extend_schema(summary="Read a cost"),
    create=extend_schema(summary="Enter a cost", request=CostInputSerializer, responses={201: CostEntrySerializer}),
    update=extend_schema(summary="Correct a cost", **COST_CHANGED),
    partial_update=extend_schema(summary="Correct a cost", **COST_CHANGED),
    destroy=extend_schema(summary="Delete a cost"),
)
class CostViewSet(OfOrder, ModelViewSet):
    """What one order cost beside hours and parts."""

    model = CostEntry
    resource = "Cost"
    serializer_class = CostEntrySerializer
    serializer_classes = {
        "list": CostEntrySerializer,
        "retrieve": CostEntrySerializer,
        "create": CostInputSerializer,
        "update": CostInputSerializer,
        "partial_update": CostInputSerializer,
    }
    filterset_class = FilterSet
    ordering_fields = ("created_at", "updated_at")
    list_select_related = detail_select_related = ("created_by",)
    permissions = {"list": HANDLERS, "retrieve": HANDLERS, **WRITES}

    def create_record(self, data: dict[str, Any]) -> CostEntry:
        return CostEntry.add(order=self.order_to_add_to(), by=caller(self.request), at=self.now(), **data)

    def change_record(self, record: CostEntry, data: dict[str, Any]) -> None:
        record.change(by=caller(self.request), at=self.now(), **data)
