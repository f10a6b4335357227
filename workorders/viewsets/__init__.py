from workorders.viewsets.labour import LabourRateViewSet, LabourViewSet, MyLabourViewSet
from workorders.viewsets.orders import (
    AlertWorkOrderViewSet,
    EquipmentWorkOrderViewSet,
    MyWorkOrderViewSet,
    WorkOrderListViewSet,
    WorkOrderViewSet,
)
from workorders.viewsets.parts import CostViewSet, PartUseViewSet, PartViewSet

__all__ = [
    "AlertWorkOrderViewSet",
    "CostViewSet",
    "EquipmentWorkOrderViewSet",
    "LabourRateViewSet",
    "LabourViewSet",
    "MyLabourViewSet",
    "MyWorkOrderViewSet",
    "PartUseViewSet",
    "PartViewSet",
    "WorkOrderListViewSet",
    "WorkOrderViewSet",
]
