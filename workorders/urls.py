from typing import Any

from django.urls import path

from faultreporter.api.routers import Router
from workorders.viewsets import AlertWorkOrderViewSet, EquipmentWorkOrderViewSet, MyWorkOrderViewSet, WorkOrderViewSet

LIST: dict[str, Any] = {"get": "list"}
machine = "equipment/<uuid:equipment_id>"

router = Router()
router.register("work-orders", WorkOrderViewSet, basename="work-order")
urlpatterns = [
    path("alerts/<uuid:pk>/work-order", AlertWorkOrderViewSet.as_view({"post": "create"}), name="alert-work-order"),
    path(
        "equipment/<uuid:equipment_id>/work-orders",
        EquipmentWorkOrderViewSet.as_view(LIST),
        name="equipment-work-orders",
    ),
    path("me/work-orders", MyWorkOrderViewSet.as_view(LIST), name="my-work-orders"),
    *router.urls,
]
