from alerts.models.alert import Alert, AlertQuerySet, StillFiring
from alerts.models.timeline import AlertEvent

__all__ = ["Alert", "AlertEvent", "AlertQuerySet", "StillFiring"]
