"""Teams, skills and who has them as JSON."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from equipment.models import Category, PersonSkill, Skill, Team
from equipment.serializers.assignments import PersonBriefSerializer
from equipment.serializers.equipment import CategoryBriefSerializer
from equipment.serializers.fields import OptionalTextField
from faultreporter.accounts.models import User
from faultreporter.api.serializers import ModelSerializer
from locations.fields import VisibleKeyField
from locations.models import Location
from locations.serializers import LocationBriefSerializer

MOST_MEMBERS = 200


class TeamBriefSerializer(ModelSerializer):
    """A team as other records mention it."""

    class Meta:
        model = Team
        fields = ("id", "name")
        read_only_fields = fields


class TeamSerializer(ModelSerializer):
    """A team with the people in it now."""

    site_id = VisibleKeyField(source="site", queryset=Location.objects.all(), allow_null=True, required=False)
    site = LocationBriefSerializer(read_only=True, allow_null=True)
    lead_id = VisibleKeyField(source="lead", queryset=User.objects.all(), allow_null=True, required=False)
    lead = PersonBriefSerializer(read_only=True, allow_null=True)
    member_ids: Any = VisibleKeyField(
        source="members", queryset=User.objects.all(), many=True, required=False, write_only=True, allow_empty=True,
        help_text="Everybody in the team from now on, besides the lead; whoever is left out leaves it.",
    )  # fmt: skip
    members = serializers.SerializerMethodField()

    class Meta:
        model = Team
        fields = (
            "id", "name", "site_id", "site", "lead_id", "lead", "member_ids", "members", "created_at", "updated_at",
            "deleted_at",
        )  # fmt: skip
        read_only_fields = ("id", "created_at", "updated_at", "deleted_at")

    @extend_schema_field(PersonBriefSerializer(many=True))
    def get_members(self, team: Team) -> Any:
        """From the memberships as prefetched, so that a list costs one query more and not one a row."""
        now = timezone.now()
        rows = [row for row in team.memberships.all() if row.is_active(now)]
        people = sorted((row.user for row in rows), key=lambda user: (str(user).lower(), str(user.pk)))
        return PersonBriefSerializer(people, many=True).data


class SkillSerializer(ModelSerializer):
    description = OptionalTextField(max_length=10_000)
    category_ids: Any = VisibleKeyField(
        source="categories", queryset=Category.objects.all(), many=True, required=False, write_only=True,
        allow_empty=True, help_text="The kinds of machines whose work asks for this skill.",
    )  # fmt: skip
    categories = CategoryBriefSerializer(many=True, read_only=True)

    class Meta:
        model = Skill
        fields = (
            "id", "code", "name", "description", "category_ids", "categories", "created_at", "updated_at", "deleted_at",
        )  # fmt: skip
        read_only_fields = ("id", "created_at", "updated_at", "deleted_at")


class SkillBriefSerializer(ModelSerializer):
    """A skill as other records mention it."""

    class Meta:
        model = Skill
        fields = ("id", "code", "name")
        read_only_fields = fields


class PersonSkillSerializer(ModelSerializer):
    """`valid` is false from the day after the certificate's last one."""

    user_id = VisibleKeyField(source="user", queryset=User.objects.all())
    user = PersonBriefSerializer(read_only=True)
    skill_id = VisibleKeyField(source="skill", queryset=Skill.objects.all())
    skill = SkillBriefSerializer(read_only=True)
    valid = serializers.SerializerMethodField()

    class Meta:
        model = PersonSkill
        fields = (
            "id", "user_id", "user", "skill_id", "skill", "valid_until", "valid", "created_at", "updated_at",
            "deleted_at",
        )  # fmt: skip
        read_only_fields = ("id", "created_at", "updated_at", "deleted_at")

    def get_valid(self, record: PersonSkill) -> bool:
        return record.is_valid(timezone.localdate())
