from alerts.models.alert import Alert, StillFiring
from alerts.models.queryset import AlertQuerySet
from alerts.models.timeline import AlertEvent

__all__ = ["Alert", "AlertEvent", "AlertQuerySet", "StillFiring"]
