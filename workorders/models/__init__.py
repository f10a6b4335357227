from workorders.models.costs import CostEntry
from workorders.models.labour import LabourEntry, LabourOverlap, TimerNotRunning, TimerRunning
from workorders.models.number import WorkOrderNumber
from workorders.models.order import AlreadyConverted, WorkOrder
from workorders.models.parts import OutOfStock, Part, PartInStock, PartUse, StockMovement
from workorders.models.queryset import WorkOrderQuerySet
from workorders.models.rates import LabourRate
from workorders.models.timeline import WorkOrderEvent

__all__ = [
    "AlreadyConverted",
    "CostEntry",
    "LabourEntry",
    "LabourOverlap",
    "LabourRate",
    "OutOfStock",
    "Part",
    "PartInStock",
    "PartUse",
    "StockMovement",
    "TimerNotRunning",
    "TimerRunning",
    "WorkOrder",
    "WorkOrderEvent",
    "WorkOrderNumber",
    "WorkOrderQuerySet",
]
