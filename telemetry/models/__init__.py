from telemetry.models.catalogue import Metric, MetricInUse, Series, SeriesQuerySet
from telemetry.models.device_keys import DeviceKey
from telemetry.models.readings import Arrival, LatestReading, Reading
from telemetry.models.rollups import DayRollup, HourRollup, MinuteRollup, QuarterRollup
from telemetry.models.rules import Rule, RuleQuerySet, RuleState

__all__ = [
    "Arrival",
    "DayRollup",
    "DeviceKey",
    "HourRollup",
    "LatestReading",
    "Metric",
    "MetricInUse",
    "MinuteRollup",
    "QuarterRollup",
    "Reading",
    "Rule",
    "RuleQuerySet",
    "RuleState",
    "Series",
    "SeriesQuerySet",
]
