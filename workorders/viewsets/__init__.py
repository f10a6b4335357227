from workorders.viewsets.labour import LabourRateViewSet, LabourViewSet, MyLabourViewSet
from workorders.viewsets.orders import (
    AlertWorkOrderViewSet,
    EquipmentWorkOrderViewSet,
    MyWorkOrderViewSet,
    WorkOrderListViewSet,
    WorkOrderViewSet,
)
from workorders.viewsets.parts import CostViewSet, PartUseViewSet, PartViewSet
from workorders.viewsets.promises import HoldReasonViewSet, SlaPolicyViewSet

__all__ = [
    "AlertWorkOrderViewSet",
    "CostViewSet",
    "EquipmentWorkOrderViewSet",
    "HoldReasonViewSet",
    "LabourRateViewSet",
    "LabourViewSet",
    "MyLabourViewSet",
    "MyWorkOrderViewSet",
    "PartUseViewSet",
    "PartViewSet",
    "SlaPolicyViewSet",
    "WorkOrderListViewSet",
    "WorkOrderViewSet",
]
