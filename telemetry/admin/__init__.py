from telemetry.admin.catalogue import DeviceKeyAdmin, LatestReadingAdmin, MetricAdmin, SeriesAdmin
from telemetry.admin.gateways import DeadLetterAdmin, MqttBridgeAdmin, ReadingImportAdmin
from telemetry.admin.hand_readings import HandReadingAdmin
from telemetry.admin.insights import DetectorAdmin, InsightAdmin
from telemetry.admin.meters import MeterAdmin, TariffAdmin
from telemetry.admin.rules import MaintenanceWindowAdmin, RuleAdmin, RuleStateAdmin
from telemetry.admin.voids import ReadingVoidAdmin

__all__ = [
    "DeadLetterAdmin",
    "DetectorAdmin",
    "DeviceKeyAdmin",
    "HandReadingAdmin",
    "InsightAdmin",
    "LatestReadingAdmin",
    "MaintenanceWindowAdmin",
    "MeterAdmin",
    "MetricAdmin",
    "MqttBridgeAdmin",
    "ReadingImportAdmin",
    "ReadingVoidAdmin",
    "RuleAdmin",
    "RuleStateAdmin",
    "SeriesAdmin",
    "TariffAdmin",
]
