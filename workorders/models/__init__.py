from workorders.models.checklists import ChecklistItem, ChecklistLine, ChecklistTemplate
from workorders.models.costs import CostEntry
from workorders.models.files import WorkOrderAttachment
from workorders.models.findings import FindingsMissing, NoDowntime
from workorders.models.labour import LabourEntry, LabourOverlap, TimerNotRunning, TimerRunning
from workorders.models.number import WorkOrderNumber
from workorders.models.obstacles import Blocked, TasksOpen
from workorders.models.order import AlreadyConverted, WorkOrder
from workorders.models.parts import OutOfStock, Part, PartInStock, PartUse, StockMovement
from workorders.models.queryset import WorkOrderQuerySet
from workorders.models.rates import LabourRate
from workorders.models.relations import RelationCycle, WorkOrderRelation
from workorders.models.signatures import WorkOrderSignature
from workorders.models.tasks import WorkOrderTask
from workorders.models.timeline import WorkOrderEvent

__all__ = [
    "AlreadyConverted",
    "Blocked",
    "ChecklistItem",
    "ChecklistLine",
    "ChecklistTemplate",
    "CostEntry",
    "FindingsMissing",
    "LabourEntry",
    "LabourOverlap",
    "LabourRate",
    "NoDowntime",
    "OutOfStock",
    "Part",
    "PartInStock",
    "PartUse",
    "RelationCycle",
    "StockMovement",
    "TasksOpen",
    "TimerNotRunning",
    "TimerRunning",
    "WorkOrder",
    "WorkOrderAttachment",
    "WorkOrderEvent",
    "WorkOrderNumber",
    "WorkOrderQuerySet",
    "WorkOrderRelation",
    "WorkOrderSignature",
    "WorkOrderTask",
]
