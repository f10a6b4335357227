from alerts.models.alert import Alert, StillFiring
from alerts.models.escalation import AlertEscalation
from alerts.models.outage import EscalationOutage
from alerts.models.policy import EscalationPolicy, EscalationStep
from alerts.models.queryset import AlertQuerySet
from alerts.models.timeline import AlertEvent, KeepsTimeline, TimelineEvent

__all__ = [
    "Alert",
    "AlertEscalation",
    "AlertEvent",
    "AlertQuerySet",
    "EscalationOutage",
    "EscalationPolicy",
    "EscalationStep",
    "KeepsTimeline",
    "StillFiring",
    "TimelineEvent",
]
