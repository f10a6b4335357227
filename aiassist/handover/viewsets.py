from typing import Any

import django_filters
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from aiassist import quota
from aiassist.handover.serializers import AskHandoverSerializer, HandoverSerializer, HandoverSummarySerializer
from aiassist.models import Analysis
from aiassist.providers import registry
from aiassist.viewsets import PREFER, WAITED, AskingViewSet
from faultreporter.api.filters import ChoicesFilter, FilterSet
from faultreporter.api.permissions import HANDLERS
from faultreporter.api.viewsets import ReadOnlyViewSet

HANDOVERS = "/api/v1/ai/handovers"


class HandoverFilter(FilterSet):
    location_id = django_filters.UUIDFilter(field_name="site")
    date = django_filters.DateFilter(field_name="day")
    status = ChoicesFilter(choices=Analysis.Status.choices)

    class Meta:
        model = Analysis
        fields: list[str] = []


@extend_schema_view(
    list=extend_schema(summary="List shift handovers, newest first"),
    retrieve=extend_schema(summary="Read a shift handover"),
)
class HandoverViewSet(AskingViewSet, ReadOnlyViewSet):
    """A site's day in words, for the next shift. It says what is in the records, and changes nothing."""

    model = Analysis
    resource = "Handover"
    serializer_class = HandoverSummarySerializer
    serializer_classes = {"create": AskHandoverSerializer, "retrieve": HandoverSerializer}
    filterset_class = HandoverFilter
    ordering_fields = ("created_at", "finished_at", "day")
    list_select_related = detail_select_related = ("site",)
    permissions = {"list": HANDLERS, "retrieve": HANDLERS, "create": HANDLERS}

    def get_queryset(self) -> QuerySet[Analysis]:
        return super().get_queryset().filter(purpose=Analysis.Purpose.HANDOVER)

    def prefetched(self, rows: QuerySet[Analysis]) -> QuerySet[Analysis]:
        return rows.prefetch_related("attempts")

    @extend_schema(
        summary="Have a site's day put into words",
        parameters=[PREFER],
        request=AskHandoverSerializer,
        responses={200: HandoverSerializer, 202: HandoverSerializer, **WAITED},
    )
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        question = self.validated()
        provider = question.pop("provider")
        registry.require_available(provider)
        quota.require_room(by=self.request.user, provider=provider, at=self.now())
        analysis = Analysis.objects.ask(
            by=self.request.user, at=self.now(), provider=provider, purpose=Analysis.Purpose.HANDOVER, **question
        )
        message = _("Accepted; read the handover at the given location.")
        location = f"{HANDOVERS}/{analysis.pk}"
        return self.answer(analysis, code=status.HTTP_202_ACCEPTED, message=message, location=location)
