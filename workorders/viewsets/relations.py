from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.request import Request
from rest_framework.response import Response

from faultreporter.accounts.authentication import caller
from faultreporter.api.concurrency import check_if_match
from faultreporter.api.permissions import EVERYONE, MANAGERS_AND_CONCERNED_TECHNICIANS
from faultreporter.api.viewsets import CreateMixin, DestroyMixin, ListMixin, ReadOnlyViewSet
from workorders.models import WorkOrder, WorkOrderRelation, WorkOrderSignature
from workorders.models.signatures import digest_of
from workorders.serializers.relations import (
    RelationInputSerializer,
    SignSerializer,
    WorkOrderRelationSerializer,
    WorkOrderSignatureSerializer,
)
from workorders.viewsets.rooms import OfOrder

OWN = MANAGERS_AND_CONCERNED_TECHNICIANS


@extend_schema_view(
    list=extend_schema(summary="List the orders that an order is linked to"),
    create=extend_schema(
        summary="Link the order to another one",
        request=RelationInputSerializer,
        responses={201: WorkOrderRelationSerializer},
    ),
    retrieve=extend_schema(summary="Read a link"),
    destroy=extend_schema(summary="Remove a link; what it led to stays"),
)
class WorkOrderRelationViewSet(OfOrder, ReadOnlyViewSet, CreateMixin, DestroyMixin):
    """Duplicates, blockers, parts and follow-ups, seen from the order of the address."""

    model = WorkOrderRelation
    resource = "WorkOrderRelation"
    serializer_class = WorkOrderRelationSerializer
    serializer_classes = {"create": RelationInputSerializer, "retrieve": WorkOrderRelationSerializer}
    ordering = ("created_at",)
    permissions = {"list": EVERYONE, "retrieve": EVERYONE, "create": OWN, "destroy": OWN}

    def get_queryset(self) -> Any:
        """The order's links from both sides, to orders that the caller sees."""
        if getattr(self, "swagger_fake_view", False):
            return WorkOrderRelation.objects.none()
        seen = WorkOrder.objects.for_user(caller(self.request)).living()
        mine = Q(order=self.order, other__in=seen) | Q(other=self.order, order__in=seen)
        joined = ("order__assigned_to", "other__assigned_to", "created_by", "order__equipment", "other__equipment")
        return WorkOrderRelation.objects.filter(mine).select_related(*joined)

    def get_serializer_context(self) -> dict[str, Any]:
        context = super().get_serializer_context()
        return context if getattr(self, "swagger_fake_view", False) else {**context, "order": self.order}

    def lock_object(self) -> Any:
        """Not locked here: linking and unlinking take their turn before they hold any order's row."""
        record = self.permitted(self.get_queryset())
        check_if_match(self.request, record)
        return record

    def reload(self, record: WorkOrderRelation) -> WorkOrderRelation:
        return record

    def create_record(self, data: dict[str, Any]) -> WorkOrderRelation:
        return WorkOrderRelation.add(order=self.order_to_add_to(), by=caller(self.request), at=self.now(), **data)

    def delete_record(self, record: WorkOrderRelation) -> None:
        record.remove(by=caller(self.request), at=self.now())


@extend_schema_view(
    list=extend_schema(summary="List who signed the finished work"),
    create=extend_schema(
        summary="Sign the finished work", request=SignSerializer, responses={201: WorkOrderSignatureSerializer}
    ),
)
class WorkOrderSignatureViewSet(OfOrder, ListMixin, CreateMixin):
    """Names drawn below finished work. Each is a picture beside a digest of what it stands for."""

    model = WorkOrderSignature
    resource = "WorkOrderSignature"
    operation_names = {"create": "signWorkOrder"}
    serializer_class = WorkOrderSignatureSerializer
    serializer_classes = {"create": SignSerializer, "retrieve": WorkOrderSignatureSerializer}
    ordering = ("signed_at",)
    list_select_related = detail_select_related = ("attachment", "handed_in_by")
    permissions = {"list": EVERYONE, "create": OWN}

    def get_serializer_context(self) -> dict[str, Any]:
        context = super().get_serializer_context()
        reads = not getattr(self, "swagger_fake_view", False)
        return {**context, "digest": digest_of(self.order)} if reads else context

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        said = self.body(SignSerializer)
        at = said.pop("occurred_at", None) or self.now()
        role = said.pop("role", WorkOrderSignature.Role.TECHNICIAN)
        signature = WorkOrderSignature.add(
            work_order=self.order_to_add_to(), role=role, by=caller(request), at=at, **said
        )
        response = Response(self.serialize(signature), status=201)
        response.message = _("Signed.")  # type: ignore[attr-defined]
        return response
