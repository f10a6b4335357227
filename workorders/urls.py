from typing import Any

from django.urls import path

from faultreporter.api.routers import Router
from workorders import viewsets
from workorders.viewsets import AlertWorkOrderViewSet, EquipmentWorkOrderViewSet, MyWorkOrderViewSet, WorkOrderViewSet
from workorders.viewsets.plans import EquipmentPlanViewSet, MaintenancePlanViewSet
from workorders.viewsets.relations import WorkOrderRelationViewSet, WorkOrderSignatureViewSet
from workorders.viewsets.tasks import ChecklistTemplateViewSet, WorkOrderTaskViewSet

LIST: dict[str, Any] = {"get": "list"}
ROWS: dict[str, Any] = {"get": "list", "post": "create"}
ROW: dict[str, Any] = {"get": "retrieve", "put": "update", "patch": "partial_update", "delete": "destroy"}
machine = "equipment/<uuid:equipment_id>"
order = "work-orders/<uuid:order_id>"

router = Router()
router.register("maintenance-plans", MaintenancePlanViewSet, basename="maintenance-plan")
router.register("work-orders", WorkOrderViewSet, basename="work-order")
router.register("parts", viewsets.PartViewSet, basename="part")
router.register("labour-rates", viewsets.LabourRateViewSet, basename="labour-rate")
router.register("checklist-templates", ChecklistTemplateViewSet, basename="checklist-template")
TASK_MOVES = {"complete": "complete", "skip": "skip", "reopen": "reopen", "work-order": "raise_order"}
router.register("sla-policies", viewsets.SlaPolicyViewSet, basename="sla-policy")
router.register("hold-reasons", viewsets.HoldReasonViewSet, basename="hold-reason")
urlpatterns = [
    path(f"{order}/tasks", WorkOrderTaskViewSet.as_view(ROWS), name="order-tasks"),
    path(
        f"{order}/tasks/apply-template",
        WorkOrderTaskViewSet.as_view({"post": "apply_template"}),
        name="order-tasks-apply-template",
    ),
    path(f"{order}/tasks/<uuid:pk>", WorkOrderTaskViewSet.as_view(ROW), name="order-task"),
    *(
        path(f"{order}/tasks/<uuid:pk>/{name}", WorkOrderTaskViewSet.as_view({"post": act}), name=f"order-task-{name}")
        for name, act in TASK_MOVES.items()
    ),
    path(f"{order}/relations", WorkOrderRelationViewSet.as_view(ROWS), name="order-relations"),
    path(
        f"{order}/relations/<uuid:pk>",
        WorkOrderRelationViewSet.as_view({"get": "retrieve", "delete": "destroy"}),
        name="order-relation",
    ),
    path(f"{order}/signature", WorkOrderSignatureViewSet.as_view(ROWS), name="order-signatures"),
    path("alerts/<uuid:pk>/work-order", AlertWorkOrderViewSet.as_view({"post": "create"}), name="alert-work-order"),
    path(
        "equipment/<uuid:equipment_id>/work-orders",
        EquipmentWorkOrderViewSet.as_view(LIST),
        name="equipment-work-orders",
    ),
    path(
        "equipment/<uuid:equipment_id>/maintenance-plans",
        EquipmentPlanViewSet.as_view(LIST),
        name="equipment-maintenance-plans",
    ),
    path("me/work-orders", MyWorkOrderViewSet.as_view(LIST), name="my-work-orders"),
    path("me/labour", viewsets.MyLabourViewSet.as_view(LIST), name="my-labour"),
    path(f"{order}/labour", viewsets.LabourViewSet.as_view(ROWS), name="order-labour"),
    path(f"{order}/labour/start", viewsets.LabourViewSet.as_view({"post": "start"}), name="order-labour-start"),
    path(f"{order}/labour/stop", viewsets.LabourViewSet.as_view({"post": "stop"}), name="order-labour-stop"),
    path(f"{order}/labour/<uuid:pk>", viewsets.LabourViewSet.as_view(ROW), name="order-labour-entry"),
    path(f"{order}/parts", viewsets.PartUseViewSet.as_view(ROWS), name="order-parts"),
    path(
        f"{order}/parts/suggestions",
        viewsets.PartUseViewSet.as_view({"get": "suggestions"}),
        name="order-part-suggestions",
    ),
    path(f"{order}/parts/<uuid:pk>", viewsets.PartUseViewSet.as_view(ROW), name="order-part-use"),
    path(f"{order}/costs", viewsets.CostViewSet.as_view(ROWS), name="order-costs"),
    path(f"{order}/costs/<uuid:pk>", viewsets.CostViewSet.as_view(ROW), name="order-cost"),
    *router.urls,
]
