from workorders.models.checklists import ChecklistItem, ChecklistLine, ChecklistTemplate
from workorders.models.clocks import WorkOrderPause
from workorders.models.costs import CostEntry
from workorders.models.files import WorkOrderAttachment
from workorders.models.findings import FindingsMissing, NoDowntime
from workorders.models.labour import LabourEntry, LabourOverlap, TimerNotRunning, TimerRunning
from workorders.models.number import WorkOrderNumber
from workorders.models.obstacles import Blocked, TasksOpen
from workorders.models.order import AlreadyConverted, WorkOrder
from workorders.models.parts import OutOfStock, Part, PartInStock, PartUse, StockMovement
from workorders.models.plan_errors import PlanHasOpenOrder, PlanNotActive
from workorders.models.plan_history import PlanEvent, PlanMeter, PlanOccurrence
from workorders.models.plan_queryset import MaintenancePlanQuerySet
from workorders.models.plans import MaintenancePlan
from workorders.models.promises import HoldReason, SlaPolicy
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
    "HoldReason",
    "LabourEntry",
    "LabourOverlap",
    "LabourRate",
    "MaintenancePlan",
    "MaintenancePlanQuerySet",
    "NoDowntime",
    "OutOfStock",
    "Part",
    "PartInStock",
    "PartUse",
    "PlanEvent",
    "PlanHasOpenOrder",
    "PlanMeter",
    "PlanNotActive",
    "PlanOccurrence",
    "RelationCycle",
    "SlaPolicy",
    "StockMovement",
    "TasksOpen",
    "TimerNotRunning",
    "TimerRunning",
    "WorkOrder",
    "WorkOrderAttachment",
    "WorkOrderEvent",
    "WorkOrderNumber",
    "WorkOrderPause",
    "WorkOrderQuerySet",
    "WorkOrderRelation",
    "WorkOrderSignature",
    "WorkOrderTask",
]
