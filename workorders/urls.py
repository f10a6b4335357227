from typing import Any

from django.urls import path

from faultreporter.api.routers import Router
from workorders import viewsets
from workorders.viewsets import AlertWorkOrderViewSet, EquipmentWorkOrderViewSet, MyWorkOrderViewSet, WorkOrderViewSet

LIST: dict[str, Any] = {"get": "list"}
ROWS: dict[str, Any] = {"get": "list", "post": "create"}
ROW: dict[str, Any] = {"get": "retrieve", "put": "update", "patch": "partial_update", "delete": "destroy"}
machine = "equipment/<uuid:equipment_id>"
order = "work-orders/<uuid:order_id>"

router = Router()
router.register("work-orders", WorkOrderViewSet, basename="work-order")
router.register("parts", viewsets.PartViewSet, basename="part")
router.register("labour-rates", viewsets.LabourRateViewSet, basename="labour-rate")
urlpatterns = [
    path("alerts/<uuid:pk>/work-order", AlertWorkOrderViewSet.as_view({"post": "create"}), name="alert-work-order"),
    path(
        "equipment/<uuid:equipment_id>/work-orders",
        EquipmentWorkOrderViewSet.as_view(LIST),
        name="equipment-work-orders",
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
