from typing import Any

from django.db.models import Prefetch, QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view

from equipment.filters import PersonSkillFilter, SkillFilter, TeamFilter
from equipment.models import PersonSkill, Skill, Team, TeamMembership
from equipment.serializers import PersonSkillSerializer, SkillSerializer, TeamSerializer
from faultreporter.accounts.authentication import caller
from faultreporter.api.permissions import HANDLERS, MANAGERS
from faultreporter.api.viewsets import ModelViewSet

HANDLERS_READ_MANAGERS_WRITE = {
    "list": HANDLERS,
    "retrieve": HANDLERS,
    "create": MANAGERS,
    "update": MANAGERS,
    "partial_update": MANAGERS,
    "destroy": MANAGERS,
}


@extend_schema_view(
    list=extend_schema(summary="List teams"),
    retrieve=extend_schema(summary="Read a team"),
    create=extend_schema(summary="Form a team"),
    update=extend_schema(summary="Change a team or who is in it"),
    partial_update=extend_schema(summary="Change a team or who is in it"),
    destroy=extend_schema(summary="Dissolve a team"),
)
class TeamViewSet(ModelViewSet):
    """Crews that share work."""

    model = Team
    resource = "Team"
    serializer_class = TeamSerializer
    filterset_class = TeamFilter
    search_fields = ("name",)
    ordering = ("name",)
    ordering_fields = ("name", "created_at", "updated_at")
    list_select_related = detail_select_related = ("site", "lead")
    permissions = HANDLERS_READ_MANAGERS_WRITE

    def get_queryset(self) -> QuerySet[Any]:
        rows = super().get_queryset()
        return self.prefetched(rows) if self.action == "list" else rows

    def prefetched(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        active = TeamMembership.objects.active(self.now()).select_related("user")
        return rows.prefetch_related(Prefetch("memberships", queryset=active))

    def create_record(self, data: dict[str, Any]) -> Team:
        return Team.add(by=caller(self.request), at=self.now(), **data)

    def change_record(self, record: Team, data: dict[str, Any]) -> None:
        record.change(by=caller(self.request), at=self.now(), **data)


@extend_schema_view(
    list=extend_schema(summary="List skills"),
    retrieve=extend_schema(summary="Read a skill"),
    create=extend_schema(summary="Add a skill"),
    update=extend_schema(summary="Change a skill"),
    partial_update=extend_schema(summary="Change a skill"),
    destroy=extend_schema(summary="Delete a skill"),
)
class SkillViewSet(ModelViewSet):
    """What people can be qualified for, and the kinds of machines that ask for it."""

    model = Skill
    resource = "Skill"
    serializer_class = SkillSerializer
    filterset_class = SkillFilter
    search_fields = ("code", "name")
    ordering = ("code",)
    ordering_fields = ("code", "name", "created_at", "updated_at")
    permissions = HANDLERS_READ_MANAGERS_WRITE

    def get_queryset(self) -> QuerySet[Any]:
        rows = super().get_queryset()
        return self.prefetched(rows) if self.action == "list" else rows

    def prefetched(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.prefetch_related("categories")

    def create_record(self, data: dict[str, Any]) -> Skill:
        categories = data.pop("categories", ())
        skill = Skill.objects.create(**data)
        skill.categories.set(categories)
        return skill

    def change_record(self, record: Skill, data: dict[str, Any]) -> None:
        categories = data.pop("categories", None)
        super().change_record(record, data)
        if categories is not None:
            record.categories.set(categories)
            record.save(update_fields=[])


@extend_schema_view(
    list=extend_schema(summary="List who has which skill"),
    retrieve=extend_schema(summary="Read a person's skill"),
    create=extend_schema(summary="Give a person a skill"),
    update=extend_schema(summary="Change until when it is valid"),
    partial_update=extend_schema(summary="Change until when it is valid"),
    destroy=extend_schema(summary="Take a skill from a person"),
)
class PersonSkillViewSet(ModelViewSet):
    """Who has which skill, and until when. Technicians see their own."""

    model = PersonSkill
    resource = "PersonSkill"
    serializer_class = PersonSkillSerializer
    filterset_class = PersonSkillFilter
    ordering = ("-created_at",)
    ordering_fields = ("valid_until", "created_at", "updated_at")
    list_select_related = detail_select_related = ("user", "skill")
    permissions = HANDLERS_READ_MANAGERS_WRITE

    def change_record(self, record: PersonSkill, data: dict[str, Any]) -> None:
        record.change(by=caller(self.request), **data)
