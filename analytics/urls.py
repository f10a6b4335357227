from django.urls import path

from analytics.alarm_viewsets import AlarmPerformanceViewSet
from analytics.viewsets import (
    AssetReliabilityViewSet,
    EnergyConsumptionViewSet,
    EquipmentEnergyViewSet,
    EquipmentReliabilityViewSet,
    ReportViewSet,
    TodayView,
)
from faultreporter.api.routers import Router

router = Router()
router.register("asset-reliability", AssetReliabilityViewSet, basename="asset-reliability")
router.register("energy-consumption", EnergyConsumptionViewSet, basename="energy-consumption")
router.register("reports", ReportViewSet, basename="report")
urlpatterns = [
    path(
        "equipment/<uuid:equipment_id>/asset-reliability",
        EquipmentReliabilityViewSet.as_view({"get": "list"}),
        name="equipment-asset-reliability",
    ),
    path(
        "equipment/<uuid:equipment_id>/energy-consumption",
        EquipmentEnergyViewSet.as_view({"get": "list"}),
        name="equipment-energy-consumption",
    ),
    path(
        "analytics/alarm-performance",
        AlarmPerformanceViewSet.as_view({"get": "performance"}),
        name="alarm-performance",
    ),
    path(
        "analytics/alarm-performance/rules",
        AlarmPerformanceViewSet.as_view({"get": "rules"}),
        name="alarm-performance-rules",
    ),
    path(
        "analytics/alarm-performance/equipment",
        AlarmPerformanceViewSet.as_view({"get": "machines"}),
        name="alarm-performance-equipment",
    ),
    path("dashboard/summary", TodayView.as_view(), name="dashboard-summary"),
    *router.urls,
]
