from equipment.viewsets.assignments import AssignmentViewSet, EquipmentAssignmentViewSet, MyAssignmentViewSet
from equipment.viewsets.catalogue import CategoryViewSet, FailureModeViewSet
from equipment.viewsets.diagrams import DiagramViewSet, EquipmentDiagramViewSet
from equipment.viewsets.equipment import EquipmentInLocationViewSet, EquipmentViewSet
from equipment.viewsets.history import MoveViewSet, StatusLogViewSet
from equipment.viewsets.teams import PersonSkillViewSet, SkillViewSet, TeamViewSet

__all__ = [
    "AssignmentViewSet",
    "CategoryViewSet",
    "DiagramViewSet",
    "EquipmentAssignmentViewSet",
    "EquipmentDiagramViewSet",
    "EquipmentInLocationViewSet",
    "EquipmentViewSet",
    "FailureModeViewSet",
    "MoveViewSet",
    "MyAssignmentViewSet",
    "PersonSkillViewSet",
    "SkillViewSet",
    "StatusLogViewSet",
    "TeamViewSet",
]
