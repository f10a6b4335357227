from equipment.serializers.assignments import (
    AssignmentSerializer,
    BulkAssignmentResultSerializer,
    BulkAssignmentSerializer,
    PersonBriefSerializer,
)
from equipment.serializers.catalogue import CategorySerializer, FailureModeSerializer
from equipment.serializers.diagrams import DiagramSerializer, HotspotsSerializer, RevisionSerializer
from equipment.serializers.equipment import (
    CategoryBriefSerializer,
    EquipmentBriefSerializer,
    EquipmentDetailSerializer,
    EquipmentSerializer,
    EquipmentStatsSerializer,
    MoveInputSerializer,
    MoveSerializer,
    PlaceSerializer,
    QrCodeSerializer,
    StatusInputSerializer,
    StatusIntervalSerializer,
)
from equipment.serializers.fields import ObjectField, OccurredAtField, OptionalTextField
from equipment.serializers.teams import PersonSkillSerializer, SkillSerializer, TeamBriefSerializer, TeamSerializer

__all__ = [
    "AssignmentSerializer",
    "BulkAssignmentResultSerializer",
    "BulkAssignmentSerializer",
    "CategoryBriefSerializer",
    "CategorySerializer",
    "DiagramSerializer",
    "EquipmentBriefSerializer",
    "EquipmentDetailSerializer",
    "EquipmentSerializer",
    "EquipmentStatsSerializer",
    "FailureModeSerializer",
    "HotspotsSerializer",
    "MoveInputSerializer",
    "MoveSerializer",
    "ObjectField",
    "OccurredAtField",
    "OptionalTextField",
    "PersonBriefSerializer",
    "PersonSkillSerializer",
    "PlaceSerializer",
    "QrCodeSerializer",
    "RevisionSerializer",
    "SkillSerializer",
    "StatusInputSerializer",
    "StatusIntervalSerializer",
    "TeamBriefSerializer",
    "TeamSerializer",
]
