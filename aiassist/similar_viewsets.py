from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from aiassist.similar import MOST, PROPOSED, likely_mode, similar_faults
from aiassist.similar_serializers import SimilarFaultSerializer
from alerts.models import Alert
from faultreporter.accounts.authentication import caller
from faultreporter.api.pagination import whole_number
from faultreporter.api.permissions import EVERYONE
from faultreporter.api.viewsets import GenericViewSet

LIMIT = OpenApiParameter("limit", {"type": "integer", "minimum": 1, "maximum": MOST, "default": PROPOSED})


class SimilarFaultViewSet(GenericViewSet):
    """What it was the last times: past faults like an alert."""

    model = Alert
    resource = "SimilarFault"
    unpaged_actions = ("similar",)
    operation_names = {"similar": "listSimilarFaults"}
    serializer_class = SimilarFaultSerializer
    detail_select_related = ("equipment", "rule")
    permissions = {"similar": EVERYONE}
    parameters = {"similar": (LIMIT,)}

    @extend_schema(
        summary="List past faults like this one, and what was found",
        filters=False,
        responses=SimilarFaultSerializer(many=True),
    )
    def similar(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        limit = whole_number(request, "limit", default=PROPOSED, least=1, most=MOST)
        alert = self.permitted(self.get_queryset().annotate(mode_id=likely_mode()))
        found = similar_faults(alert, mode_id=alert.mode_id, user=caller(request), at=self.now(), limit=limit)
        return Response(SimilarFaultSerializer(found, many=True).data)
