from telemetry.viewsets.aggregates import AggregateViewSet
from telemetry.viewsets.catalogue import DeviceKeyViewSet, MetricViewSet
from telemetry.viewsets.exports import ExportViewSet
from telemetry.viewsets.hand_readings import HandReadingViewSet
from telemetry.viewsets.insights import DetectorViewSet, InsightViewSet
from telemetry.viewsets.meters import MeterViewSet, TariffViewSet
from telemetry.viewsets.readings import ReadingViewSet
from telemetry.viewsets.rules import MaintenanceWindowViewSet, RuleViewSet
from telemetry.viewsets.series import SeriesViewSet
from telemetry.viewsets.streams import StreamView
from telemetry.viewsets.voids import ReadingVoidViewSet

__all__ = [
    "AggregateViewSet",
    "DetectorViewSet",
    "DeviceKeyViewSet",
    "ExportViewSet",
    "HandReadingViewSet",
    "InsightViewSet",
    "MaintenanceWindowViewSet",
    "MeterViewSet",
    "MetricViewSet",
    "ReadingViewSet",
    "ReadingVoidViewSet",
    "RuleViewSet",
    "SeriesViewSet",
    "StreamView",
    "TariffViewSet",
]
