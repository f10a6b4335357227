from telemetry.models.by_hand import HandReading, HandReadingQuerySet
from telemetry.models.catalogue import DirectoryVersion, Metric, MetricInUse, Series, SeriesQuerySet
from telemetry.models.device_keys import DeviceKey
from telemetry.models.gateways import DeadLetter, MqttBridge
from telemetry.models.imports import ReadingImport
from telemetry.models.insights import (
    Detector,
    DetectorQuerySet,
    DetectorState,
    Insight,
    InsightFeedback,
    InsightQuerySet,
    Verdicts,
)
from telemetry.models.maintenance_windows import MaintenanceWindow, MaintenanceWindowQuerySet
from telemetry.models.meters import Meter, MeterExchange, MeterInUse, MeterQuerySet, Tariff, Utility
from telemetry.models.readings import Arrival, LatestReading, Quality, Reading
from telemetry.models.rollups import DayRollup, HourRollup, MinuteRollup, QuarterRollup
from telemetry.models.rule_states import Cleared, RuleState, Suppression
from telemetry.models.rules import Rule, RuleQuerySet, RuleVersion
from telemetry.models.voids import ReadingVoid, ReadingVoidQuerySet, VoidedSeries

__all__ = [
    "Arrival",
    "Cleared",
    "DayRollup",
    "DeadLetter",
    "Detector",
    "DetectorQuerySet",
    "DetectorState",
    "DeviceKey",
    "DirectoryVersion",
    "HandReading",
    "HandReadingQuerySet",
    "HourRollup",
    "Insight",
    "InsightFeedback",
    "InsightQuerySet",
    "LatestReading",
    "MaintenanceWindow",
    "MaintenanceWindowQuerySet",
    "Meter",
    "MeterExchange",
    "MeterInUse",
    "MeterQuerySet",
    "Metric",
    "MetricInUse",
    "MinuteRollup",
    "MqttBridge",
    "Quality",
    "QuarterRollup",
    "Reading",
    "ReadingImport",
    "ReadingVoid",
    "ReadingVoidQuerySet",
    "Rule",
    "RuleQuerySet",
    "RuleState",
    "RuleVersion",
    "Series",
    "SeriesQuerySet",
    "Suppression",
    "Tariff",
    "Utility",
    "Verdicts",
    "VoidedSeries",
]
