from equipment.viewsets.assignments import AssignmentViewSet, EquipmentAssignmentViewSet, MyAssignmentViewSet
from equipment.viewsets.catalogue import (
    CategoryViewSet,
    FailureCatalogueViewSet,
    FailureCauseViewSet,
    FailureMechanismViewSet,
    FailureModeViewSet,
    RemedyViewSet,
)
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
    "FailureCatalogueViewSet",
    "FailureCauseViewSet",
    "FailureMechanismViewSet",
    "FailureModeViewSet",
    "MoveViewSet",
    "MyAssignmentViewSet",
    "PersonSkillViewSet",
    "RemedyViewSet",
    "SkillViewSet",
    "StatusLogViewSet",
    "TeamViewSet",
]
