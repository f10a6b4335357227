from equipment.models.assignments import UserEquipmentAssignment
from equipment.models.catalogue import Category, FailureMode
from equipment.models.codes import FailureCause, FailureMechanism, Remedy
from equipment.models.diagrams import TechnicalDiagram
from equipment.models.downtime import StatusInterval
from equipment.models.equipment import Equipment, RevokedQrToken
from equipment.models.moves import Move
from equipment.models.skills import PersonSkill, Skill
from equipment.models.teams import Team, TeamMembership

__all__ = [
    "Category",
    "Equipment",
    "FailureCause",
    "FailureMechanism",
    "FailureMode",
    "Move",
    "PersonSkill",
    "Remedy",
    "RevokedQrToken",
    "Skill",
    "StatusInterval",
    "Team",
    "TeamMembership",
    "TechnicalDiagram",
    "UserEquipmentAssignment",
]
