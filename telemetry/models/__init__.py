from telemetry.models.catalogue import Metric, MetricInUse, Series, SeriesQuerySet
from telemetry.models.device_keys import DeviceKey
from telemetry.models.readings import Arrival, LatestReading, Reading
from telemetry.models.rules import Rule, RuleQuerySet, RuleState

__all__ = [
    "Arrival",
    "DeviceKey",
    "LatestReading",
    "Metric",
    "MetricInUse",
    "Reading",
    "Rule",
    "RuleQuerySet",
    "RuleState",
    "Series",
    "SeriesQuerySet",
]
