from typing import Any

from django.urls import path

from alerts.viewsets import AlertViewSet, EquipmentAlertViewSet, EscalationPolicyViewSet, MyAlertViewSet
from alerts.viewsets.public import PublicReportView
from faultreporter.api.routers import Router

LIST: dict[str, Any] = {"get": "list"}

router = Router()
router.register("alerts", AlertViewSet, basename="alert")
router.register("escalation-policies", EscalationPolicyViewSet, basename="escalation-policy")
urlpatterns = [
    path("equipment/<uuid:equipment_id>/alerts", EquipmentAlertViewSet.as_view(LIST), name="equipment-alerts"),
    path("public/fault-reports", PublicReportView.as_view(), name="public-fault-reports"),
    path("me/alerts", MyAlertViewSet.as_view(LIST), name="my-alerts"),
    *router.urls,
]
