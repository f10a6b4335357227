from typing import Any, cast

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from alerts import escalation, services
from alerts.filters import AlertFilter, EquipmentAlertFilter
from alerts.models import Alert
from alerts.models.escalation import latest_row
from alerts.serializers import (
    AcknowledgeSerializer,
    AlertEditSerializer,
    AlertSerializer,
    AlertStatsSerializer,
    AlertSummarySerializer,
    MergeSerializer,
    NoteSerializer,
    ReasonSerializer,
    ReportSerializer,
    ResolveSerializer,
    SilenceSerializer,
)
from alerts.viewsets.timeline import TimelineMixin
from equipment.models import Equipment
from equipment.viewsets.rooms import RoomViewSet
from faultreporter.accounts.authentication import caller
from faultreporter.api.actions import transition
from faultreporter.api.pagination import KeyedPagination
from faultreporter.api.permissions import (
    EVERYONE,
    MANAGERS,
    MANAGERS_AND_CONCERNED,
    MANAGERS_AND_CONCERNED_TECHNICIANS,
)
from faultreporter.api.viewsets import ListMixin, ModelViewSet

# The lists are searched in the alert's own words: an OR with the machine's would read every alert.
SEARCH_FIELDS = ("title", "description")
ORDERING_FIELDS = ("occurred_at", "last_occurred_at", "created_at", "updated_at", "title", "occurrences")
JOINED = ("equipment__location", "reported_by", "acknowledged_by", "resolved_by")


@extend_schema_view(
    list=extend_schema(summary="List alerts", responses=AlertSummarySerializer(many=True)),
    retrieve=extend_schema(summary="Read an alert"),
    update=extend_schema(summary="Correct what an alert says", request=AlertEditSerializer, responses=AlertSerializer),
    partial_update=extend_schema(
        summary="Correct what an alert says", request=AlertEditSerializer, responses=AlertSerializer
    ),
    destroy=extend_schema(summary="Delete an alert that was entered by mistake"),
)
class AlertViewSet(TimelineMixin, ModelViewSet):
    """Faults that people or sensors noticed."""

    model = Alert
    resource = "Alert"
    serializer_class = AlertSerializer
    serializer_classes = {
        "list": AlertSummarySerializer,
        "retrieve": AlertSerializer,
        "create": ReportSerializer,
        "update": AlertEditSerializer,
        "partial_update": AlertEditSerializer,
    }
    filterset_class = AlertFilter
    pagination_class = KeyedPagination
    search_fields = SEARCH_FIELDS
    ordering_fields = ORDERING_FIELDS
    list_select_related = JOINED
    detail_select_related = JOINED
    permissions = {
        "list": EVERYONE,
        "retrieve": EVERYONE,
        "create": EVERYONE,
        "update": MANAGERS_AND_CONCERNED,
        "partial_update": MANAGERS_AND_CONCERNED,
        "destroy": MANAGERS,
        "acknowledge": MANAGERS_AND_CONCERNED_TECHNICIANS,
        "resolve": MANAGERS_AND_CONCERNED_TECHNICIANS,
        "reopen": MANAGERS_AND_CONCERNED_TECHNICIANS,
        "silence": MANAGERS_AND_CONCERNED_TECHNICIANS,
        "dismiss": MANAGERS_AND_CONCERNED_TECHNICIANS,
        "merge": MANAGERS_AND_CONCERNED_TECHNICIANS,
        "escalate": MANAGERS,
        "attachments": EVERYONE,
        "attach": MANAGERS_AND_CONCERNED,
        "timeline": EVERYONE,
        "comments": EVERYONE,
        "comment": EVERYONE,
        "stats": EVERYONE,
    }
    parameters = {
        **TimelineMixin.timeline_parameters,
        "stats": [
            OpenApiParameter("equipment_id", OpenApiTypes.UUID),
            OpenApiParameter("location_id", OpenApiTypes.UUID, description="Only machines there or below."),
        ],
    }

    @extend_schema(
        summary="Report a fault",
        description="A repeat of a fault that is open counts on its alert and answers 200 with that; a new one is 201.",
        operation_id="reportFault",
        request=ReportSerializer,
        responses={201: AlertSerializer, 200: AlertSerializer},
    )
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        alert, is_new = services.report_fault(by=caller(request), at=self.now(), **self.validated())
        if not is_new:
            return self.answer(
                self.reload(alert), message=_("This fault was reported before; your report was added to it.")
            )
        location = f"{request.path.rstrip('/')}/{alert.pk}"
        return self.answer(alert, code=201, message=_("Reported."), location=location)

    def prefetched(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        with_escalation: QuerySet[Any] = rows.annotate(escalation_row=latest_row())
        return with_escalation

    def change_record(self, record: Alert, data: dict[str, Any]) -> None:
        record.change(by=caller(self.request), at=self.now(), **data)

    @transition("acknowledge", AcknowledgeSerializer, summary="Say that you have seen it")
    def acknowledge(self, record: Alert, data: dict[str, Any]) -> str:
        whole_storm = data.pop("whole_storm", False)
        record.acknowledge(**data)
        if whole_storm:
            rule = self.permissions["acknowledge"]
            for other in record.others_of_storm():
                if other.status == Alert.Status.OPEN and rule.admits_to(data["by"], other):
                    other.acknowledge(**data)
        return _("Acknowledged.")

    @transition("resolve", ResolveSerializer, summary="End it; refused while its rule still fires")
    def resolve(self, record: Alert, data: dict[str, Any]) -> str:
        record.resolve(**data)
        return _("Resolved.")

    @transition("reopen", ReasonSerializer, summary="Say that the fault is back")
    def reopen(self, record: Alert, data: dict[str, Any]) -> str:
        record.reopen(**data)
        return _("Open again.")

    @transition("silence", SilenceSerializer, summary="Send no reminders until a time")
    def silence(self, record: Alert, data: dict[str, Any]) -> str:
        record.silence(**data)
        return _("Silenced.") if record.silenced_until else _("Not silenced any more.")

    @transition("dismiss", NoteSerializer, summary="Say that it was a false alarm")
    def dismiss(self, record: Alert, data: dict[str, Any]) -> str:
        record.dismiss(**data)
        return _("Dismissed as a false alarm.")

    @extend_schema(
        summary="Say that other alerts are duplicates of it",
        operation_id="mergeAlerts",
        request=MergeSerializer,
        responses=AlertSerializer,
    )
    @action(detail=True, methods=["post"])
    def merge(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        said = self.body(MergeSerializer)
        at = said.pop("occurred_at", None) or self.now()
        services.lock_for_merge([kwargs["pk"], *said["alert_ids"]])
        record = self.lock_object()
        services.merge(into=record, by=caller(request), at=at, **said)
        return self.answer(self.reload(record), message=_("Merged."))

    @transition("escalate", summary="Take the next step of its escalation now")
    def escalate(self, record: Alert, data: dict[str, Any]) -> str:
        escalation.escalate_now(alert=record, **data)
        return _("Escalated.")

    @extend_schema(summary="Count alerts", operation_id="getAlertStats", responses=AlertStatsSerializer)
    @action(detail=False)
    def stats(self, request: Request) -> Response:
        rows: Any = self.filter_queryset(self.get_queryset().select_related(None))
        return Response(rows.stats(at=self.now()))


class AlertListViewSet(ListMixin):
    """What every list of alerts has in common."""

    model = Alert
    serializer_class = AlertSummarySerializer
    filterset_class = AlertFilter
    search_fields = SEARCH_FIELDS
    ordering_fields = ORDERING_FIELDS
    list_select_related = JOINED
    permissions = {"list": EVERYONE}


@extend_schema_view(list=extend_schema(summary="List the alerts of a machine", operation_id="listEquipmentAlerts"))
class EquipmentAlertViewSet(RoomViewSet, AlertListViewSet):
    """The alerts of one machine."""

    resource = "EquipmentAlert"
    filterset_class = EquipmentAlertFilter

    def rows_of(self, machine: Equipment) -> QuerySet[Any]:
        return machine.alerts.all()


@extend_schema_view(
    list=extend_schema(
        summary="List the alerts you reported and those of machines you look after", operation_id="listMyAlerts"
    )
)
class MyAlertViewSet(AlertListViewSet):
    """What concerns the caller."""

    resource = "MyAlert"
    pagination_class = KeyedPagination

    def get_queryset(self) -> QuerySet[Any]:
        rows: Any = super().get_queryset()
        if not getattr(self, "swagger_fake_view", False):
            rows = rows.concerning(caller(self.request), at=self.now())
        return cast("QuerySet[Any]", rows)
