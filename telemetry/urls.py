from django.urls import path

from faultreporter.api.routers import Router
from telemetry.viewsets import (
    AggregateViewSet,
    DetectorViewSet,
    DeviceKeyViewSet,
    ExportViewSet,
    HandReadingViewSet,
    InsightViewSet,
    MaintenanceWindowViewSet,
    MeterViewSet,
    MetricViewSet,
    ReadingViewSet,
    ReadingVoidViewSet,
    RuleViewSet,
    SeriesViewSet,
    StreamView,
    TariffViewSet,
)

router = Router()
router.register("iot-data", AggregateViewSet, basename="aggregate")
router.register("iot-data", ExportViewSet, basename="export")
router.register("iot-data", ReadingViewSet, basename="reading")
router.register("iot-data/by-hand", HandReadingViewSet, basename="hand-reading")
router.register("iot-metrics", MetricViewSet, basename="metric")
router.register("iot-series", SeriesViewSet, basename="series")
router.register("reading-voids", ReadingVoidViewSet, basename="reading-void")
router.register("iot-rules", RuleViewSet, basename="rule")
router.register("maintenance-windows", MaintenanceWindowViewSet, basename="maintenance-window")
router.register("meters", MeterViewSet, basename="meter")
router.register("tariffs", TariffViewSet, basename="tariff")
router.register("iot-detectors", DetectorViewSet, basename="detector")
router.register("iot-insights", InsightViewSet, basename="insight")
router.register("device-keys", DeviceKeyViewSet, basename="device-key")

urlpatterns = [
    path("iot-data/stream", StreamView.as_view(), name="stream"),
    path(
        "equipment/<uuid:equipment_id>/iot-data",
        ReadingViewSet.as_view({"get": "of_equipment"}),
        name="equipment-readings",
    ),
    *router.urls,
]
