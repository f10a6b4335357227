"""What becomes of an answer: the moves of an analysis that a person makes."""

from typing import Any, ClassVar

from django.urls import reverse
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from aiassist import reviews
from aiassist.drafts import people_for
from aiassist.models import Analysis
from aiassist.review_serializers import (
    AnalysisFeedbackSerializer,
    DraftOrderSerializer,
    MakeAlertSerializer,
    MakeOrderSerializer,
)
from alerts.models import Alert
from alerts.models.escalation import latest_row
from alerts.serializers import AlertSerializer
from alerts.viewsets.alerts import JOINED as ALERT_JOINED
from faultreporter.accounts.authentication import caller
from faultreporter.api.actions import transition
from faultreporter.api.concurrency import etag
from faultreporter.api.permissions import EVERYONE, HANDLERS, MANAGERS, MANAGERS_AND_CONCERNED_TECHNICIANS
from faultreporter.api.schema import ERROR
from faultreporter.api.viewsets import GenericViewSet
from faultreporter.roles import Role
from workorders.serializers import WorkOrderSerializer


class ReviewMixin(GenericViewSet):
    """For the viewset of analyses."""

    review_permissions: ClassVar = {
        "feedback": HANDLERS.also(concerned={Role.REPORTER}),
        "make_alert": EVERYONE,
        "draft_order": MANAGERS_AND_CONCERNED_TECHNICIANS,
        "make_order": MANAGERS_AND_CONCERNED_TECHNICIANS,
    }

    @transition(
        "feedback", AnalysisFeedbackSerializer, summary="Say whether the answer is right", operation_id="reviewAnalysis"
    )
    def feedback(self, record: Analysis, data: dict[str, Any]) -> str:
        code = data.pop("failure_mode", None)
        mode = reviews.failure_mode_named(record, code) if code else None
        reviews.review(analysis=record, failure_mode=mode, **data)
        return _("Thank you; it counts.")

    @extend_schema(
        summary="Accept the answer and raise an alert of it",
        description="A fault that is open under the same title counts there and answers 200; a new alert is 201.",
        operation_id="makeAlertOfAnalysis",
        request=MakeAlertSerializer,
        responses={201: AlertSerializer, 200: AlertSerializer},
    )
    @action(detail=True, methods=["post"], url_path="alert", url_name="alert")
    def make_alert(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        analysis = self.lock_object()
        said = self.body(MakeAlertSerializer)
        alert, is_new = reviews.make_alert(analysis=analysis, by=caller(request), at=self.now(), **said)
        if not is_new:
            rows = Alert.objects.select_related(*ALERT_JOINED).annotate(escalation_row=latest_row())
            message = _("This fault was reported before; the answer was added to it.")
            return self.made(rows.get(pk=alert.pk), AlertSerializer, "alert-detail", code=200, message=message)
        return self.made(alert, AlertSerializer, "alert-detail", code=201, message=_("Reported."))

    @extend_schema(
        summary="Read the work order that the answer amounts to",
        operation_id="getDraftOrderOfAnalysis",
        responses={
            200: DraftOrderSerializer,
            409: OpenApiResponse(ERROR, description="There is no answer yet, or it names no machine."),
        },
    )
    @action(detail=True, url_path="draft-order", url_name="draft-order")
    def draft_order(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        analysis = self.permitted(self.get_queryset().select_related(*reviews.JOINED))
        draft = reviews.draft_order(analysis=analysis)
        gives_work = caller(request).role in MANAGERS.roles
        suggested = people_for(analysis, at=self.now()) if gives_work else None
        return Response(DraftOrderSerializer(draft, context={"suggested": suggested}).data)

    @extend_schema(
        summary="Accept the answer and raise the drafted work order",
        operation_id="makeWorkOrderOfAnalysis",
        request=MakeOrderSerializer,
        responses={201: WorkOrderSerializer},
    )
    @action(detail=True, methods=["post"], url_path="work-order", url_name="work-order")
    def make_order(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        analysis = self.lock_object()
        said = self.body(MakeOrderSerializer)
        order = reviews.make_order(analysis=analysis, by=caller(request), at=self.now(), **said)
        return self.made(order, WorkOrderSerializer, "work-order-detail", code=201, message=_("Raised."))

    def made(self, record: Any, serializer_class: Any, route: str, *, code: int, message: str) -> Response:
        """The record that came of it, as its own address would answer."""
        data = serializer_class(record, context=self.get_serializer_context()).data
        headers = {"ETag": etag(record, data), "Location": reverse(route, args=[record.pk])}
        response = Response(data, status=code, headers=headers)
        response.message = message  # type: ignore[attr-defined]
        return response
