from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from aiassist import health, quota, waiting
from aiassist.errors import AiProviderError, AiProviderTimeout
from aiassist.filters import AnalysisFilter
from aiassist.models import Analysis
from aiassist.providers import registry
from aiassist.review_viewsets import ReviewMixin
from aiassist.serializers import (
    AiProviderSerializer,
    AnalysisSerializer,
    AnalysisSummarySerializer,
    AnalyzeFaultSerializer,
)
from faultreporter.api.actions import transition
from faultreporter.api.permissions import EVERYONE, MANAGERS_AND_CONCERNED
from faultreporter.api.schema import ERROR
from faultreporter.api.viewsets import ApiView, GenericViewSet, ReadOnlyViewSet

ANALYSES = "/api/v1/ai/analyses"
REVIEW_JOINED = ("review__reviewed_by", "review__failure_mode")
PREFER = OpenApiParameter(
    "Prefer", str, OpenApiParameter.HEADER, description="`wait=N`: answer with the result if it is there in N ≤ 25 s."
)

WAITED: Mapping[int, Any] = {
    502: OpenApiResponse(ERROR, description="You waited, and the analysis failed at its provider."),
    504: OpenApiResponse(ERROR, description="You waited, and the provider took too long."),
}


@extend_schema_view(
    list=extend_schema(summary="List analyses: your own, or those of every machine in sight"),
    retrieve=extend_schema(summary="Read an analysis"),
)
class AnalysisViewSet(ReviewMixin, ReadOnlyViewSet):
    """What the assistant was asked and what it answered. An answer is advice: nothing else changes by it."""

    model = Analysis
    resource = "Analysis"
    resource_plural = "Analyses"
    serializer_class = AnalysisSummarySerializer
    serializer_classes = {"retrieve": AnalysisSerializer}
    filterset_class = AnalysisFilter
    ordering_fields = ("created_at", "finished_at", "confidence")
    list_select_related = detail_select_related = REVIEW_JOINED
    permissions = {
        "list": EVERYONE,
        "retrieve": EVERYONE,
        "cancel": MANAGERS_AND_CONCERNED,
        **ReviewMixin.review_permissions,
    }

    def get_queryset(self) -> QuerySet[Analysis]:
        rows = super().get_queryset().filter(purpose=Analysis.Purpose.FAULT)
        return rows.prefetch_related("image_rows") if self.action == "list" else rows

    def prefetched(self, rows: QuerySet[Analysis]) -> QuerySet[Analysis]:
        return rows.prefetch_related("image_rows", "attempts")

    @transition("cancel", summary="Cancel an analysis: nobody wants the answer any more")
    def cancel(self, analysis: Analysis, data: dict[str, Any]) -> str:
        analysis.cancel(**data)
        return _("Cancelled.")


class AskingViewSet(GenericViewSet):
    """A question that is stored and answered in the background; who asks may wait for the answer."""

    def act(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        """The question is committed first; only then is it worth waiting for somebody to answer it."""
        response = super().act(request, *args, **kwargs)
        if response.status_code != status.HTTP_202_ACCEPTED:
            return response
        seconds = waiting.preferred_wait(request.META.get("HTTP_PREFER", ""))
        analysis_id = UUID(response["Location"].rsplit("/", 1)[-1])
        if not waiting.finished_within(analysis_id, seconds):
            return response
        return self.finished(analysis_id, accepted=response, seconds=seconds)

    def finished(self, analysis_id: UUID, *, accepted: Any, seconds: float) -> Response:
        analysis = (
            Analysis.objects.select_related(*REVIEW_JOINED)
            .prefetch_related("image_rows", "attempts")
            .get(pk=analysis_id)
        )
        if analysis.status == Analysis.Status.FAILED:
            kind = AiProviderTimeout if analysis.failure_code == AiProviderTimeout.code else AiProviderError
            raise kind(_("The analysis failed: %(reason)s.") % {"reason": analysis.failure_message},
                       meta={"analysis_id": str(analysis.pk), "failure_code": analysis.failure_code})  # fmt: skip
        response = self.answer(analysis, location=accepted["Location"])
        response["Preference-Applied"] = f"wait={seconds:g}"
        if "Idempotency-Replayed" in accepted:
            response["Idempotency-Replayed"] = accepted["Idempotency-Replayed"]
        return response


class AnalyzeFaultViewSet(AskingViewSet):
    """Ask what is wrong with a machine. The question is stored and answered in the background."""

    model = Analysis
    resource = "Fault"
    serializer_class = AnalysisSerializer
    serializer_classes = {"analyze": AnalyzeFaultSerializer, "retrieve": AnalysisSerializer}
    permissions = {"analyze": EVERYONE}

    @extend_schema(
        summary="Ask the assistant what is wrong with a machine",
        operation_id="analyzeFault",
        parameters=[PREFER],
        request=AnalyzeFaultSerializer,
        responses={
            200: AnalysisSerializer,
            202: AnalysisSerializer,
            **WAITED,
        },
    )
    def analyze(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        question = self.validated()
        provider = question.pop("provider")
        registry.require_available(provider)
        quota.require_room(by=self.request.user, provider=provider, at=self.now())
        analysis = Analysis.objects.ask(by=self.request.user, at=self.now(), provider=provider, **question)
        location = f"{ANALYSES}/{analysis.pk}"
        message = _("Accepted; read the result at the given location.")
        return self.answer(analysis, code=status.HTTP_202_ACCEPTED, message=message, location=location)


class ProviderViewSet(ApiView, ViewSet):
    """Who can be asked on this server."""

    unpaged_actions = ("providers",)
    permissions = {"providers": EVERYONE}

    @extend_schema(
        summary="List the assistant's providers",
        operation_id="listAiProviders",
        responses=AiProviderSerializer(many=True),
    )
    def providers(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return Response(AiProviderSerializer(health.provider_states(at=self.now()), many=True).data)
