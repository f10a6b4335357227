from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Prefetch, QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from alerts.escalation import preview
from alerts.filters import EscalationPolicyFilter
from alerts.models import Alert, EscalationPolicy, EscalationStep
from alerts.serializers import EscalationPolicySerializer, PreviewStepSerializer
from faultreporter.accounts.authentication import caller
from faultreporter.api.permissions import HANDLERS, MANAGERS
from faultreporter.api.viewsets import ModelViewSet
from faultreporter.errors import InvalidParameter

ALERT_ID = OpenApiParameter("alert_id", OpenApiTypes.UUID, required=True, description="Whose people and site count.")


@extend_schema_view(
    list=extend_schema(summary="List escalation policies"),
    retrieve=extend_schema(summary="Read an escalation policy"),
    create=extend_schema(summary="Add an escalation policy"),
    update=extend_schema(summary="Change an escalation policy; alerts that are escalating keep what they began with"),
    partial_update=extend_schema(summary="Change an escalation policy"),
    destroy=extend_schema(summary="Delete an escalation policy; no alert gets it any more"),
)
class EscalationPolicyViewSet(ModelViewSet):
    """Who is told, and when, about an alert that nobody takes care of."""

    model = EscalationPolicy
    resource = "EscalationPolicy"
    resource_plural = "EscalationPolicies"
    operation_names = {"preview": "preview{resource}"}
    serializer_class = EscalationPolicySerializer
    filterset_class = EscalationPolicyFilter
    search_fields = ("name",)
    ordering_fields = ("name", "created_at", "updated_at")
    list_select_related = ("site",)
    detail_select_related = ("site",)
    unpaged_actions = ("preview",)
    parameters = {"preview": [ALERT_ID]}
    permissions = {
        "list": HANDLERS,
        "retrieve": HANDLERS,
        "create": MANAGERS,
        "update": MANAGERS,
        "partial_update": MANAGERS,
        "destroy": MANAGERS,
        "preview": HANDLERS,
    }

    def get_queryset(self) -> QuerySet[Any]:
        rows = super().get_queryset()
        return self.prefetched(rows) if self.action == "list" else rows

    def prefetched(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.prefetch_related(Prefetch("steps", EscalationStep.objects.select_related("person")))

    def create_record(self, data: dict[str, Any]) -> EscalationPolicy:
        return EscalationPolicy.add(by=caller(self.request), **data)

    def change_record(self, record: EscalationPolicy, data: dict[str, Any]) -> None:
        record.change(by=caller(self.request), **data)

    @extend_schema(
        summary="Read what the policy would do about an alert, when, and whom it would tell, if it began now",
        filters=False,
        responses=PreviewStepSerializer(many=True),
    )
    @action(detail=True)
    def preview(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        policy = self.permitted(self.get_queryset())
        planned = preview(policy, self.alert(), since=self.now())
        return Response(PreviewStepSerializer(planned, many=True).data)

    def alert(self) -> Alert:
        asked = self.request.query_params.get("alert_id", "")
        rows = Alert.objects.living().for_user(caller(self.request)).select_related("equipment__location__site")
        try:
            return rows.get(pk=asked)
        except (Alert.DoesNotExist, ValueError, ValidationError):
            message = _("alert_id must name an alert in your sight.")
            raise InvalidParameter(message, field="alert_id") from None
