from alerts.models.alert import Alert, StillFiring
from alerts.models.queryset import AlertQuerySet
from alerts.models.timeline import AlertEvent, KeepsTimeline, TimelineEvent

__all__ = ["Alert", "AlertEvent", "AlertQuerySet", "KeepsTimeline", "StillFiring", "TimelineEvent"]
