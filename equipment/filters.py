import uuid

import django_filters
from django.db.models import Q
from django.utils import timezone

from equipment.models import (
    Category,
    Equipment,
    FailureCause,
    FailureMechanism,
    FailureMode,
    PersonSkill,
    Skill,
    StatusInterval,
    Team,
    TeamMembership,
    TechnicalDiagram,
    UserEquipmentAssignment,
)
from equipment.models.assignments import AssignmentQuerySet
from equipment.models.diagrams import DiagramQuerySet
from equipment.models.queryset import EquipmentQuerySet
from equipment.models.skills import PersonSkillQuerySet
from equipment.models.teams import TeamQuerySet
from faultreporter.api.filters import BooleanFilter, ChoicesFilter, FilterSet
from faultreporter.db import LivingQuerySet


class PlacedEquipmentFilter(FilterSet):
    """The machines of a place. Apps above add theirs through `equipment.extensions.register_filter`."""

    status = ChoicesFilter(choices=Equipment.Status.choices)
    criticality = ChoicesFilter(choices=Equipment.Criticality.choices)
    manufacturer = django_filters.CharFilter(lookup_expr="iexact", label="The whole name, in any case.")
    category = django_filters.CharFilter(method="filter_category", label="A category's code or id.")
    parent_id = django_filters.UUIDFilter(field_name="parent")
    assigned_to_me = BooleanFilter(method="filter_assigned")

    class Meta:
        model = Equipment
        fields: list[str] = []

    def filter_category(self, rows: EquipmentQuerySet, name: str, value: str) -> EquipmentQuerySet:
        try:
            return rows.filter(category=uuid.UUID(value))
        except ValueError:
            return rows.filter(category__in=Category.objects.living().filter(code=value.upper()))

    def filter_assigned(self, rows: EquipmentQuerySet, name: str, value: bool) -> EquipmentQuerySet:
        mine = Equipment.objects.assigned_to(self.request.user, timezone.now())
        return rows.filter(pk__in=mine.values("pk")) if value else rows.exclude(pk__in=mine.values("pk"))


class EquipmentFilter(PlacedEquipmentFilter):
    """All machines."""

    location_id = django_filters.UUIDFilter(method="filter_location", label="A place: machines in it and below it.")

    def filter_location(self, rows: EquipmentQuerySet, name: str, value: uuid.UUID) -> EquipmentQuerySet:
        return rows.in_location(value)


class StatusLogFilter(FilterSet):
    status = ChoicesFilter(choices=StatusInterval.Status.choices)
    open = BooleanFilter(field_name="ended_at", lookup_expr="isnull")

    class Meta:
        model = StatusInterval
        fields: list[str] = []


class RoomAssignmentFilter(FilterSet):
    """The people of one machine."""

    user_id = django_filters.UUIDFilter(field_name="user")
    role = ChoicesFilter(choices=UserEquipmentAssignment.Role.choices)
    active = BooleanFilter(method="filter_active")

    class Meta:
        model = UserEquipmentAssignment
        fields: list[str] = []

    def filter_active(self, rows: AssignmentQuerySet, name: str, value: bool) -> AssignmentQuerySet:
        active = UserEquipmentAssignment.objects.active(timezone.now())
        return rows.filter(pk__in=active.values("pk")) if value else rows.exclude(pk__in=active.values("pk"))


class AssignmentFilter(RoomAssignmentFilter):
    """All assignments."""

    equipment_id = django_filters.UUIDFilter(field_name="equipment")


class FailureModeFilter(FilterSet):
    category_id = django_filters.UUIDFilter(field_name="category")
    applies_to = django_filters.UUIDFilter(method="filter_applies", label="A category: its modes and the general ones.")

    class Meta:
        model = FailureMode
        fields: list[str] = []

    def filter_applies(
        self, rows: LivingQuerySet[FailureMode], name: str, value: uuid.UUID
    ) -> LivingQuerySet[FailureMode]:
        return rows.filter(pk__in=FailureMode.objects.applicable_to(value))


class RoomDiagramFilter(FilterSet):
    """The drawings of one machine."""

    kind = ChoicesFilter(choices=TechnicalDiagram.Kind.choices)
    current = BooleanFilter(method="filter_current")

    class Meta:
        model = TechnicalDiagram
        fields: list[str] = []

    def filter_current(self, rows: DiagramQuerySet, name: str, value: bool) -> DiagramQuerySet:
        current = TechnicalDiagram.objects.current().values("pk")
        return rows.filter(pk__in=current) if value else rows.exclude(pk__in=current)


class DiagramFilter(RoomDiagramFilter):
    """All drawings."""

    equipment_id = django_filters.UUIDFilter(field_name="equipment")


class TeamFilter(FilterSet):
    site_id = django_filters.UUIDFilter(method="filter_site", label="A site: its teams and those that work everywhere.")
    member_id = django_filters.UUIDFilter(method="filter_member", label="Teams this person is in now.")

    class Meta:
        model = Team
        fields: list[str] = []

    def filter_site(self, rows: TeamQuerySet, name: str, value: uuid.UUID) -> TeamQuerySet:
        return rows.filter(Q(site=value) | Q(site=None))

    def filter_member(self, rows: TeamQuerySet, name: str, value: uuid.UUID) -> TeamQuerySet:
        return rows.filter(pk__in=TeamMembership.objects.active(timezone.now()).filter(user=value).values("team"))


class SkillFilter(FilterSet):
    category_id = django_filters.UUIDFilter(field_name="categories", label="Skills that this kind of machine asks for.")

    class Meta:
        model = Skill
        fields: list[str] = []


class PersonSkillFilter(FilterSet):
    user_id = django_filters.UUIDFilter(field_name="user")
    skill_id = django_filters.UUIDFilter(field_name="skill")
    valid = BooleanFilter(method="filter_valid", label="Valid today.")
    expires_before = django_filters.DateFilter(field_name="valid_until", lookup_expr="lt")

    class Meta:
        model = PersonSkill
        fields: list[str] = []

    def filter_valid(self, rows: PersonSkillQuerySet, name: str, value: bool) -> PersonSkillQuerySet:
        valid = PersonSkill.objects.valid(timezone.localdate()).values("pk")
        return rows.filter(pk__in=valid) if value else rows.exclude(pk__in=valid)


class CodeFilter(FilterSet):
    active = BooleanFilter(field_name="active")


class FailureMechanismFilter(CodeFilter):
    group = ChoicesFilter(choices=FailureMechanism.Group.choices)


class FailureCauseFilter(CodeFilter):
    group = ChoicesFilter(choices=FailureCause.Group.choices)
