from datetime import timedelta
from typing import Any, cast

from django.db.models import QuerySet
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from alerts.models import Alert
from alerts.serializers import AlertSerializer, MoveSerializer, ReasonSerializer
from alerts.viewsets import TimelineMixin
from equipment.models import Equipment
from equipment.viewsets.rooms import RoomViewSet
from faultreporter.accounts.authentication import caller
from faultreporter.api.actions import transition
from faultreporter.api.concurrency import etag
from faultreporter.api.pagination import KeyedPagination
from faultreporter.api.permissions import EVERYONE, MANAGERS, MANAGERS_AND_CONCERNED_TECHNICIANS
from faultreporter.api.viewsets import GenericViewSet, ListMixin, ModelViewSet
from faultreporter.attachments.files import PdfRenderer, pdf_response
from workorders.attainment import attainment
from workorders.filters import EquipmentWorkOrderFilter, WorkOrderFilter
from workorders.models import HoldReason, WorkOrder
from workorders.report import report_of
from workorders.serializers import (
    AssignSerializer,
    CloseSerializer,
    CompleteSerializer,
    HoldSerializer,
    JudgeDowntimeSerializer,
    RaiseWorkOrderSerializer,
    ReopenWorkOrderSerializer,
    ScheduleSerializer,
    SlaStatsSerializer,
    StartSerializer,
    WorkOrderCreateSerializer,
    WorkOrderEditSerializer,
    WorkOrderSerializer,
    WorkOrderStatsSerializer,
    WorkOrderSummarySerializer,
)
from workorders.serializers.files import AttachWithPhaseSerializer, WorkOrderFileSerializer
from workorders.services import raise_work_order
from workorders.viewsets.planning import PlanningMixin

SEARCH_FIELDS = ("number", "title", "description")
ORDERING_FIELDS = (
    "number",
    "due_at",
    "response_due_at",
    "restore_due_at",
    "planned_date",
    "created_at",
    "updated_at",
    "started_at",
    "completed_at",
    "title",
)
CODED = ("failure_mechanism", "failure_cause", "remedy_action")
JOINED = (*CODED, "equipment__location", "assigned_to", "assigned_team", "created_by", "completed_by", "failure_mode")
RECENT = timedelta(days=30)
HANDLE = MANAGERS_AND_CONCERNED_TECHNICIANS


@extend_schema_view(
    list=extend_schema(summary="List work orders", responses=WorkOrderSummarySerializer(many=True)),
    retrieve=extend_schema(summary="Read a work order and what can be done with it now"),
    create=extend_schema(
        summary="Raise a work order", request=WorkOrderCreateSerializer, responses={201: WorkOrderSerializer}
    ),
    update=extend_schema(summary="Change a work order", request=WorkOrderEditSerializer, responses=WorkOrderSerializer),
    partial_update=extend_schema(
        summary="Change a work order", request=WorkOrderEditSerializer, responses=WorkOrderSerializer
    ),
    destroy=extend_schema(summary="Delete an open or cancelled work order"),
    attachments=extend_schema(filters=False, responses=WorkOrderFileSerializer(many=True)),
)
class WorkOrderViewSet(PlanningMixin, TimelineMixin, ModelViewSet):
    """Jobs on machines."""

    model = WorkOrder
    resource = "WorkOrder"
    serializer_class = WorkOrderSerializer
    serializer_classes = {
        "list": WorkOrderSummarySerializer,
        "retrieve": WorkOrderSerializer,
        "create": WorkOrderCreateSerializer,
        "update": WorkOrderEditSerializer,
        "partial_update": WorkOrderEditSerializer,
    }
    attach_serializer_class = AttachWithPhaseSerializer
    file_serializer_class = WorkOrderFileSerializer
    filterset_class = WorkOrderFilter
    pagination_class = KeyedPagination
    search_fields = SEARCH_FIELDS
    ordering_fields = ORDERING_FIELDS
    list_select_related = JOINED
    detail_select_related = (*JOINED, "alert", "downtime")
    permissions = {
        "list": EVERYONE,
        "retrieve": EVERYONE,
        "create": HANDLE,
        "update": HANDLE,
        "partial_update": HANDLE,
        "destroy": MANAGERS,
        "assign": HANDLE,
        "start": HANDLE,
        "hold": HANDLE,
        "resume": HANDLE,
        "complete": HANDLE,
        "schedule": MANAGERS,
        "close": MANAGERS,
        "downtime": MANAGERS,
        "reopen": HANDLE,
        "cancel": HANDLE,
        "attachments": EVERYONE,
        "attach": HANDLE,
        "timeline": EVERYONE,
        "report": EVERYONE,
        "comments": EVERYONE,
        "comment": EVERYONE,
        "stats": EVERYONE,
        "calendar": EVERYONE,
        "workload": MANAGERS,
        "suggested_assignees": MANAGERS,
        "sla_stats": EVERYONE,
    }
    parameters = {
        **TimelineMixin.timeline_parameters,
        **PlanningMixin.planning_parameters,
        "stats": [
            OpenApiParameter("equipment_id", OpenApiTypes.UUID),
            OpenApiParameter("location_id", OpenApiTypes.UUID, description="Only machines there or below."),
            OpenApiParameter("assigned_to", OpenApiTypes.UUID),
        ],
        "sla_stats": [
            OpenApiParameter("created_after", OpenApiTypes.DATETIME, description="Inclusive; 30 days ago if left out."),
            OpenApiParameter("created_before", OpenApiTypes.DATETIME, description="Exclusive."),
            OpenApiParameter("equipment_id", OpenApiTypes.UUID),
            OpenApiParameter("location_id", OpenApiTypes.UUID, description="Only machines there or below."),
            OpenApiParameter("assigned_to", OpenApiTypes.UUID),
        ],
    }

    def get_queryset(self) -> QuerySet[Any]:
        rows: Any = super().get_queryset()
        return cast("QuerySet[Any]", rows.with_progress() if self.action == "list" else rows)

    def prefetched(self, rows: Any) -> QuerySet[Any]:
        return cast("QuerySet[Any]", rows.with_obstacles())

    def create_record(self, data: dict[str, Any]) -> WorkOrder:
        # There is no order yet that could concern a technician: it is the machine that must.
        if not HANDLE.admits_to(self.request.user, data["equipment"]):
            raise PermissionDenied(_("You don't look after this machine; report the fault instead."))
        return WorkOrder.add(by=caller(self.request), at=self.now(), **data)

    def created(self, record: WorkOrder, *, message: str | None = None) -> Response:
        location = f"{self.request.path.rstrip('/')}/{record.pk}"
        return self.answer(record, code=201, message=message or _("Raised."), location=location)

    def change_record(self, record: WorkOrder, data: dict[str, Any]) -> None:
        record.change(by=caller(self.request), at=self.now(), **data)

    @extend_schema(summary="Add files to it, or say what they show", request=AttachWithPhaseSerializer)
    def attach(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().attach(request, *args, **kwargs)

    @transition("assign", AssignSerializer, summary="Give the job to a person or a team")
    def assign(self, record: WorkOrder, data: dict[str, Any]) -> str:
        record.assign(**data)
        return _("Assigned.")

    @transition("schedule", ScheduleSerializer, summary="Plan the job for a day")
    def schedule(self, record: WorkOrder, data: dict[str, Any]) -> str:
        record.schedule(**data)
        return _("Planned.") if record.planned_date else _("Not planned any more.")

    @transition("start", StartSerializer, summary="Begin the work")
    def start(self, record: WorkOrder, data: dict[str, Any]) -> str:
        record.start(**data)
        return _("Started.")

    @transition("hold", HoldSerializer, summary="Put the work on hold")
    def hold(self, record: WorkOrder, data: dict[str, Any]) -> str:
        why = HoldReason.named(data.pop("reason_code", None))
        record.hold(**data, why=why)
        return _("On hold.")

    @transition("resume", MoveSerializer, summary="Go on with the work")
    def resume(self, record: WorkOrder, data: dict[str, Any]) -> str:
        record.resume(**data)
        return _("Resumed.")

    @transition("complete", CompleteSerializer, summary="Say that the work is done, and what was found")
    def complete(self, record: WorkOrder, data: dict[str, Any]) -> str:
        record.complete(**with_mode(record, data))
        return _("Completed.")

    @transition("close", CloseSerializer, summary="Accept the completed work, and put its coding right")
    def close(self, record: WorkOrder, data: dict[str, Any]) -> str:
        record.close(**with_mode(record, data))
        return _("Closed.")

    @transition(
        "downtime",
        JudgeDowntimeSerializer,
        summary="Say whether the machine's standstill counts as a failure",
        operation_id="judgeDowntime",
    )
    def downtime(self, record: WorkOrder, data: dict[str, Any]) -> str:
        record.judge_downtime(**{**data, "exclusion_reason": data["exclusion_reason"] or ""})
        return _("Noted.")

    @transition("reopen", ReopenWorkOrderSerializer, summary="Send completed work back")
    def reopen(self, record: WorkOrder, data: dict[str, Any]) -> str:
        record.reopen(**data)
        return _("In progress again.")

    @transition("cancel", ReasonSerializer, summary="Drop an order nobody worked on")
    def cancel(self, record: WorkOrder, data: dict[str, Any]) -> str:
        record.cancel(**data)
        return _("Cancelled.")

    @extend_schema(
        summary="Read the order as a report on paper; costs are for managers",
        operation_id="getWorkOrderReport",
        responses={(200, "application/pdf"): OpenApiTypes.BINARY},
    )
    @action(detail=True, url_path=r"report\.pdf", url_name="report", renderer_classes=[PdfRenderer])
    def report(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        order = self.permitted(self.get_queryset())
        return pdf_response(report_of(order, with_costs=caller(request).role in MANAGERS.roles), name=order.number)

    @extend_schema(summary="Count work orders", operation_id="getWorkOrderStats", responses=WorkOrderStatsSerializer)
    @action(detail=False)
    def stats(self, request: Request) -> Response:
        rows: Any = self.filter_queryset(self.get_queryset().select_related(None))
        return Response(rows.stats(at=self.now()))

    @extend_schema(
        summary="How well response and restore targets were kept, by priority",
        operation_id="getWorkOrderSlaStats",
        responses=SlaStatsSerializer,
    )
    @action(detail=False, url_path="sla-stats")
    def sla_stats(self, request: Request) -> Response:
        rows: Any = self.filter_queryset(self.get_queryset().select_related(None))
        if "created_after" not in request.query_params:
            rows = rows.filter(created_at__gte=self.now() - RECENT)
        return Response(attainment(rows, at=self.now()))


def with_mode(order: WorkOrder, data: dict[str, Any]) -> dict[str, Any]:
    """The failure mode instead of its code: which codes there are depends on the machine."""
    code = data.get("failure_mode")
    return {**data, "failure_mode": order.failure_mode_named(code)} if code else data


class AlertWorkOrderViewSet(GenericViewSet):
    """From an alert to the order that mends it."""

    model = Alert
    resource = "AlertWorkOrder"
    serializer_class = AlertSerializer
    serializer_classes = {"create": RaiseWorkOrderSerializer}
    permissions = {"create": HANDLE}

    @extend_schema(
        summary="Raise a work order for an alert",
        operation_id="raiseWorkOrder",
        request=RaiseWorkOrderSerializer,
        responses={201: WorkOrderSerializer},
    )
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        alert = self.lock_object()
        order = raise_work_order(alert=alert, by=caller(request), at=self.now(), **self.validated())
        data = WorkOrderSerializer(order, context=self.get_serializer_context()).data
        headers = {"ETag": etag(order, data), "Location": reverse("work-order-detail", args=[order.pk])}
        response = Response(data, status=201, headers=headers)
        response.message = _("Raised.")  # type: ignore[attr-defined]
        return response


class WorkOrderListViewSet(ListMixin):
    """What every list of work orders has in common."""

    model = WorkOrder
    serializer_class = WorkOrderSummarySerializer
    filterset_class = WorkOrderFilter
    search_fields = SEARCH_FIELDS
    ordering_fields = ORDERING_FIELDS
    list_select_related = JOINED
    permissions = {"list": EVERYONE}


@extend_schema_view(
    list=extend_schema(summary="List the work orders of a machine", operation_id="listEquipmentWorkOrders")
)
class EquipmentWorkOrderViewSet(RoomViewSet, WorkOrderListViewSet):
    """The jobs on one machine."""

    resource = "EquipmentWorkOrder"
    filterset_class = EquipmentWorkOrderFilter

    def rows_of(self, machine: Equipment) -> QuerySet[Any]:
        rows: Any = machine.work_orders
        return cast("QuerySet[Any]", rows.with_progress())


@extend_schema_view(list=extend_schema(summary="List the work orders assigned to you", operation_id="listMyWorkOrders"))
class MyWorkOrderViewSet(WorkOrderListViewSet):
    """The caller's jobs."""

    resource = "MyWorkOrder"
    pagination_class = KeyedPagination

    def get_queryset(self) -> QuerySet[Any]:
        rows: Any = super().get_queryset()
        if not getattr(self, "swagger_fake_view", False):
            rows = rows.assigned_to(caller(self.request), self.now()).with_progress()
        return cast("QuerySet[Any]", rows)
