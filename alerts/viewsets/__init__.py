from alerts.viewsets.alerts import AlertListViewSet, AlertViewSet, EquipmentAlertViewSet, MyAlertViewSet
from alerts.viewsets.escalation import EscalationPolicyViewSet
from alerts.viewsets.timeline import TimelineMixin

__all__ = [
    "AlertListViewSet",
    "AlertViewSet",
    "EquipmentAlertViewSet",
    "EscalationPolicyViewSet",
    "MyAlertViewSet",
    "TimelineMixin",
]
