from workorders.viewsets.orders import (
    AlertWorkOrderViewSet,
    EquipmentWorkOrderViewSet,
    MyWorkOrderViewSet,
    WorkOrderListViewSet,
    WorkOrderViewSet,
)

__all__ = [
    "AlertWorkOrderViewSet",
    "EquipmentWorkOrderViewSet",
    "MyWorkOrderViewSet",
    "WorkOrderListViewSet",
    "WorkOrderViewSet",
]
