"""Handovers as JSON."""

from datetime import date
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from aiassist.handover.answer import Handover
from aiassist.handover.gathering import today
from aiassist.models import Analysis
from aiassist.serializers import AnalysisAttemptSerializer, KnownLaterField
from faultreporter.api.serializers import ModelSerializer, Serializer, UpperChoiceField
from faultreporter.errors import ValidationFailed
from locations.fields import VisibleKeyField
from locations.models import Location


class AskHandoverSerializer(Serializer):
    """Which site's day is to be put into words, and by whom."""

    location_id = VisibleKeyField(source="site", queryset=Location.objects.all(), help_text="A site.")
    date = serializers.DateField(
        source="day", required=False, help_text="On the site's clock; its today if left out. No day to come."
    )
    provider = UpperChoiceField(
        choices=Analysis.Provider.choices,
        default=Analysis.Provider.AUTO,
        help_text="AUTO asks the configured ones in their order and then the rule book.",
    )
    allow_fallback = serializers.BooleanField(
        required=False,
        help_text="Whether others may be asked if the named provider fails; AUTO asks others anyway.",
    )

    def validate_location_id(self, site: Location) -> Location:
        if site.kind != Location.Kind.SITE:
            raise ValidationFailed(_("Name a site, not a place in it."), field="location_id")
        return site

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        now: date = today(attrs["site"], at=timezone.now())
        day = attrs.setdefault("day", now)
        if day > now:
            raise ValidationFailed(_("This day has not begun at the site."), field="date")
        return attrs


@extend_schema_field(Handover)  # type: ignore[arg-type]  # its pydantic extension takes models
class HandoverField(serializers.JSONField):
    """The whole handover as our schema has it."""


class HandoverSummarySerializer(ModelSerializer):
    """A site's day in words. `headline` is null until somebody has written it."""

    location_id = serializers.UUIDField(source="site_id", read_only=True)
    location_name = serializers.CharField(source="site.name", read_only=True)
    date = serializers.DateField(source="day", read_only=True)
    requested_by_id = serializers.UUIDField(read_only=True, allow_null=True)
    provider = KnownLaterField(choices=Analysis.Provider.choices, help_text="Who wrote it.")
    headline = serializers.SerializerMethodField()

    class Meta:
        model = Analysis
        fields: tuple[str, ...] = (
            "id",
            "status",
            "stage",
            "location_id",
            "location_name",
            "date",
            "requested_provider",
            "allow_fallback",
            "requested_by_id",
            "provider",
            "model_name",
            "prompt_version",
            "headline",
            "needs_review",
            "review_reasons",
            "dropped_citations",
            "failure_code",
            "failure_message",
            "started_at",
            "finished_at",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields

    def get_headline(self, analysis: Analysis) -> str | None:
        return analysis.result["headline"] if analysis.result else None


class HandoverSerializer(HandoverSummarySerializer):
    result = HandoverField(read_only=True, allow_null=True, help_text="The whole text; null until there is one.")
    attempts = AnalysisAttemptSerializer(many=True, read_only=True)

    class Meta(HandoverSummarySerializer.Meta):
        fields = (*HandoverSummarySerializer.Meta.fields, "result", "attempts")
        read_only_fields = fields
