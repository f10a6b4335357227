from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.request import Request
from rest_framework.response import Response

from alerts.serializers import MoveSerializer
from faultreporter.accounts.authentication import caller
from faultreporter.api.actions import transition
from faultreporter.api.concurrency import etag
from faultreporter.api.permissions import EVERYONE, MANAGERS_AND_CONCERNED_TECHNICIANS
from faultreporter.api.viewsets import ModelViewSet, ReadOnlyViewSet
from workorders.filters import ChecklistFilter, TaskFilter
from workorders.models import ChecklistTemplate, WorkOrderTask
from workorders.serializers import RaiseWorkOrderSerializer, WorkOrderSerializer
from workorders.serializers.tasks import (
    ApplyTemplateSerializer,
    ChecklistTemplateSerializer,
    CompleteTaskSerializer,
    SkipTaskSerializer,
    TaskChangeSerializer,
    TaskInputSerializer,
    WorkOrderTaskSerializer,
)
from workorders.services import raise_follow_up
from workorders.viewsets.rooms import OfOrder

OWN = MANAGERS_AND_CONCERNED_TECHNICIANS
WRITTEN: dict[str, Any] = {"request": TaskChangeSerializer, "responses": WorkOrderTaskSerializer}


@extend_schema_view(
    list=extend_schema(summary="List the tasks of an order"),
    retrieve=extend_schema(summary="Read a task"),
    create=extend_schema(summary="Add a task", request=TaskInputSerializer, responses={201: WorkOrderTaskSerializer}),
    update=extend_schema(summary="Word a task otherwise, or move it", **WRITTEN),
    partial_update=extend_schema(summary="Word a task otherwise, or move it", **WRITTEN),
    destroy=extend_schema(summary="Take a task off that has no result yet"),
)
class WorkOrderTaskViewSet(OfOrder, ModelViewSet):
    """The checklist of one order. A finished order's tasks are only read."""

    model = WorkOrderTask
    resource = "WorkOrderTask"
    operation_names = {
        "apply_template": "applyChecklistTemplate",
        "complete": "complete{resource}",
        "skip": "skip{resource}",
        "reopen": "reopen{resource}",
        "raise_order": "raiseWorkOrderForTask",
    }
    serializer_class = WorkOrderTaskSerializer
    serializer_classes = {
        "list": WorkOrderTaskSerializer,
        "retrieve": WorkOrderTaskSerializer,
        "create": TaskInputSerializer,
        "update": TaskChangeSerializer,
        "partial_update": TaskChangeSerializer,
    }
    unpaged_actions = ("apply_template",)
    filterset_class = TaskFilter
    ordering = ("position",)
    ordering_fields = ("position", "created_at", "updated_at", "done_at")
    list_select_related = detail_select_related = ("attachment", "done_by", "raised_order__assigned_to")
    permissions = {
        "list": EVERYONE,
        "retrieve": EVERYONE,
        "create": OWN,
        "update": OWN,
        "partial_update": OWN,
        "destroy": OWN,
        "apply_template": OWN,
        "complete": OWN,
        "skip": OWN,
        "reopen": OWN,
        "raise_order": OWN,
    }

    def create_record(self, data: dict[str, Any]) -> WorkOrderTask:
        return WorkOrderTask.add(work_order=self.order_to_add_to(), by=caller(self.request), at=self.now(), **data)

    def change_record(self, record: WorkOrderTask, data: dict[str, Any]) -> None:
        record.change(by=caller(self.request), at=self.now(), **data)

    def delete_record(self, record: WorkOrderTask) -> None:
        record.remove()

    @extend_schema(
        summary="Copy the lines of a checklist to the order; a second time changes nothing",
        filters=False,
        request=ApplyTemplateSerializer,
        responses=WorkOrderTaskSerializer(many=True),
    )
    def apply_template(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        said = self.body(ApplyTemplateSerializer)
        at, order = said.pop("occurred_at", None) or self.now(), self.order_to_add_to()
        WorkOrderTask.add_from_template(order, said["template"], by=caller(request), at=at)
        rows = self.get_queryset().filter(template=said["template"]).select_related(*self.list_select_related)
        response = Response(WorkOrderTaskSerializer(rows, many=True, context=self.get_serializer_context()).data)
        response.message = _("The checklist is on the order.")  # type: ignore[attr-defined]
        return response

    @transition("complete", CompleteTaskSerializer, summary="Write a task's result down")
    def complete(self, record: WorkOrderTask, data: dict[str, Any]) -> str:
        record.complete(**data)
        return _("Failed.") if record.outcome == record.Outcome.FAILED else _("Done.")

    @transition("skip", SkipTaskSerializer, summary="Leave a task out, and say why")
    def skip(self, record: WorkOrderTask, data: dict[str, Any]) -> str:
        record.skip(**data)
        return _("Skipped.")

    @transition("reopen", MoveSerializer, summary="Take a task's result back")
    def reopen(self, record: WorkOrderTask, data: dict[str, Any]) -> str:
        record.reopen(**data)
        return _("To be done again.")

    @extend_schema(
        summary="Raise an order for a failed task, with its photo and note",
        request=RaiseWorkOrderSerializer,
        responses={201: WorkOrderSerializer},
    )
    def raise_order(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        task = self.lock_object()
        said = self.body(RaiseWorkOrderSerializer)
        order = raise_follow_up(task=task, by=caller(request), at=self.now(), **said)
        data = WorkOrderSerializer(order, context=self.get_serializer_context()).data
        headers = {"ETag": etag(order, data), "Location": reverse("work-order-detail", args=[order.pk])}
        response = Response(data, status=201, headers=headers)
        response.message = _("Raised.")  # type: ignore[attr-defined]
        return response


@extend_schema_view(
    list=extend_schema(summary="List the reusable checklists"),
    retrieve=extend_schema(summary="Read a checklist"),
)
class ChecklistTemplateViewSet(ReadOnlyViewSet):
    """Reusable checklists; managers write them in the back office."""

    model = ChecklistTemplate
    resource = "ChecklistTemplate"
    serializer_class = ChecklistTemplateSerializer
    filterset_class = ChecklistFilter
    search_fields = ("name", "description")
    ordering = ("name",)
    ordering_fields = ("name", "created_at", "updated_at")
    permissions = {"list": EVERYONE, "retrieve": EVERYONE}

    def get_queryset(self) -> Any:
        return super().get_queryset().prefetch_related("items")
