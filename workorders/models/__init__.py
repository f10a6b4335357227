from workorders.models.number import WorkOrderNumber
from workorders.models.order import AlreadyConverted, WorkOrder
from workorders.models.queryset import WorkOrderQuerySet
from workorders.models.timeline import WorkOrderEvent

__all__ = ["AlreadyConverted", "WorkOrder", "WorkOrderEvent", "WorkOrderNumber", "WorkOrderQuerySet"]
