"""What a caller may ask, and what an analysis looks like."""

import re
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from aiassist.answer import Answer
from aiassist.breaker import State
from aiassist.models import Analysis, AnalysisAttempt
from aiassist.outcomes import truths
from aiassist.review_serializers import AnalysisReviewSerializer
from aiassist.reviews import review_of
from alerts.models import Alert
from equipment.models import Equipment
from faultreporter.api.serializers import CleanCharField, ModelSerializer, Serializer, UpperChoiceField
from faultreporter.attachments.models import API_PATH, Attachment
from faultreporter.errors import ErrorDetail, ValidationFailed
from locations.fields import VisibleKeyField

MOST_IMAGES: Final = 5
OUR_PATH: Final = re.compile(
    rf"{API_PATH}/([0-9a-f]{{8}}-(?:[0-9a-f]{{4}}-){{3}}[0-9a-f]{{12}})(?:/file)?", re.IGNORECASE
)


def attachment_id_in(url: str, own_hosts: Sequence[str]) -> UUID | None:
    """The attachment a URL of ours names; None for any other address. Nothing is ever fetched."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    is_ours = (parts.scheme in {"http", "https"} and parts.netloc in own_hosts) or not (parts.scheme or parts.netloc)
    match = OUR_PATH.fullmatch(parts.path)
    return UUID(match[1]) if match and is_ours else None


class AnalyzeFaultSerializer(Serializer):
    """A question: photographs, words, or both, about a machine, a kind of machine, or an alert."""

    provider = UpperChoiceField(
        choices=Analysis.Provider.choices,
        default=Analysis.Provider.AUTO,
        help_text="AUTO asks the configured ones in their order and then the rule book.",
    )
    attachment_ids = serializers.ListField(child=serializers.UUIDField(), max_length=MOST_IMAGES, default=list)
    image_urls = serializers.ListField(
        child=CleanCharField(max_length=500),
        max_length=MOST_IMAGES,
        default=list,
        help_text="Another way to name uploads: their own addresses on this host. Others are refused.",
    )
    equipment_id = VisibleKeyField(
        source="equipment", queryset=Equipment.objects.all(), allow_null=True, required=False
    )
    equipment_type = CleanCharField(
        max_length=200, allow_blank=True, default="", help_text="A category's code or name, or free words."
    )
    description = CleanCharField(max_length=4000, allow_blank=True, default="")
    allow_fallback = serializers.BooleanField(
        required=False,
        help_text="Whether others may be asked when the named provider fails. AUTO always may; a name, only if true.",
    )
    alert_id = VisibleKeyField(source="alert", queryset=Alert.objects.all(), allow_null=True, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        alert, equipment = attrs.get("alert"), attrs.get("equipment")
        if alert and equipment and alert.equipment_id != equipment.pk:
            raise ValidationFailed(_("The alert is about another machine."), field="equipment_id")
        images = self.images(attrs.pop("attachment_ids"), attrs.pop("image_urls"))
        if alert and not images:
            images = list(alert.attachments.filter(kind=Attachment.Kind.IMAGE).order_by("created_at", "id"))
        if not (images or attrs["description"].strip() or alert):
            raise ValidationFailed(_("Send a photograph, a description or an alert."), field="description")
        return {**attrs, "equipment": equipment or (alert and alert.equipment), "images": images[:MOST_IMAGES]}

    def images(self, ids: Sequence[UUID], urls: Sequence[str]) -> list[Attachment]:
        """The named photographs in their order, each once; whatever is wrong is said at its place."""
        named: dict[UUID, str] = {}
        details: list[ErrorDetail] = []
        for index, id_ in enumerate(ids):
            named.setdefault(id_, f"attachment_ids[{index}]")
        for index, url in enumerate(urls):
            found = attachment_id_in(url, self.own_hosts())
            if found is None:
                message = _("This is not the address of an upload here; upload the picture first.")
                details.append(ErrorDetail(f"image_urls[{index}]", "foreign_url", message))
            else:
                named.setdefault(found, f"image_urls[{index}]")
        known = Attachment.objects.for_user(self.context["request"].user).in_bulk(list(named))
        details += self.unusable(named, known)
        if details:
            raise ValidationFailed(f"{details[0].field}: {details[0].message}", details=details)
        return [known[id_] for id_ in named]

    @staticmethod
    def unusable(named: dict[UUID, str], known: dict[UUID, Attachment]) -> list[ErrorDetail]:
        missing, not_an_image = _("There is no such upload."), _("This is not a photograph.")
        found = [ErrorDetail(field, "does_not_exist", missing) for id_, field in named.items() if id_ not in known]
        return found + [
            ErrorDetail(field, "not_an_image", not_an_image)
            for id_, field in named.items()
            if id_ in known and known[id_].kind != Attachment.Kind.IMAGE
        ]

    def own_hosts(self) -> list[str]:
        return [self.context["request"].get_host(), urlsplit(settings.PUBLIC_URL).netloc]


class AnalysisAttemptSerializer(ModelSerializer):
    class Meta:
        model = AnalysisAttempt
        fields = (
            "number",
            "provider",
            "model_name",
            "prompt_version",
            "kind",
            "outcome",
            "error_code",
            "error_message",
            "started_at",
            "finished_at",
            "retry_at",
        )
        read_only_fields = fields


class KnownLaterField(serializers.ChoiceField):
    """An enumeration that is null until the answer is there."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(read_only=True, allow_null=True, **kwargs)

    def to_representation(self, value: str) -> Any:
        return value or None


@extend_schema_field(Answer)  # type: ignore[arg-type]  # its pydantic extension takes models
class AnswerField(serializers.JSONField):
    """The whole answer as our schema has it."""


class AnalysisSummarySerializer(ModelSerializer):
    """`provider` to `confidence` say in flat words what the structured `result` of the detail holds."""

    requested_by_id = serializers.UUIDField(read_only=True, allow_null=True)
    equipment_id = serializers.UUIDField(read_only=True, allow_null=True)
    alert_id = serializers.UUIDField(read_only=True, allow_null=True)
    attachment_ids = serializers.SerializerMethodField()
    provider = KnownLaterField(choices=Analysis.Provider.choices, help_text="Who answered.")
    severity = KnownLaterField(choices=Analysis.Severity.choices)
    analysis = serializers.SerializerMethodField(help_text="The state of the machine in sentences.")
    detected_issues = serializers.SerializerMethodField(help_text="Titles, the likeliest first.")
    recommendations = serializers.SerializerMethodField(help_text="What to do, the most important first.")

    review = AnalysisReviewSerializer(read_only=True, allow_null=True, help_text="Null until a person has judged it.")

    class Meta:
        model = Analysis
        fields: tuple[str, ...] = (
            "id",
            "status",
            "stage",
            "requested_provider",
            "allow_fallback",
            "requested_by_id",
            "equipment_id",
            "equipment_type",
            "alert_id",
            "attachment_ids",
            "description",
            "provider",
            "model_name",
            "prompt_version",
            "analysis",
            "detected_issues",
            "recommendations",
            "severity",
            "confidence",
            "needs_review",
            "review_reasons",
            "review",
            "failure_code",
            "failure_message",
            "started_at",
            "finished_at",
            "created_at",
            "updated_at",
        )
        read_only_fields = fields

    def get_attachment_ids(self, analysis: Analysis) -> list[UUID]:
        return [row.attachment_id for row in analysis.image_rows.all()]

    def get_analysis(self, analysis: Analysis) -> str | None:
        return analysis.result["condition"] if analysis.result else None

    def get_detected_issues(self, analysis: Analysis) -> list[str]:
        return [issue["title"] for issue in analysis.result["issues"]] if analysis.result else []

    def get_recommendations(self, analysis: Analysis) -> list[str]:
        return [step["action"] for step in analysis.result["recommendations"]] if analysis.result else []


class OutcomeSerializer(serializers.Serializer[Any]):
    """What turned out to be wrong with the machine, as far as anybody knows."""

    failure_mode = serializers.CharField(allow_null=True, help_text="Null: nothing was wrong.")
    failure_cause = serializers.CharField(allow_null=True)
    work_order_id = serializers.UUIDField(
        allow_null=True, help_text="The order that found it; null: a reviewer says so."
    )
    number = serializers.CharField(allow_null=True)


class AnalysisSerializer(AnalysisSummarySerializer):
    result = AnswerField(read_only=True, allow_null=True, help_text="The whole answer; null until there is one.")
    attempts = AnalysisAttemptSerializer(many=True, read_only=True)
    outcome = serializers.SerializerMethodField()

    class Meta(AnalysisSummarySerializer.Meta):
        fields = (*AnalysisSummarySerializer.Meta.fields, "result", "attempts", "outcome")
        read_only_fields = fields

    @extend_schema_field(OutcomeSerializer(allow_null=True))
    def get_outcome(self, analysis: Analysis) -> Any:
        review = review_of(analysis)
        told = review is not None and (review.work_order_id or review.failure_mode_id)
        if not (analysis.alert_id or told):  # nothing could know
            return None
        truth = truths(Analysis.objects.filter(pk=analysis.pk)).get(analysis.pk)
        return truth and OutcomeSerializer(truth).data


class AiProviderSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(help_text="What `provider` of a question may be.")
    label = serializers.CharField(help_text="Its name for people.")  # type: ignore[assignment]  # a field's own name
    model_name = serializers.CharField()
    configured = serializers.BooleanField(help_text="Whether this server has a key for it.")
    healthy = serializers.BooleanField(
        help_text="Configured, and its last three calls within 10 minutes didn't all fail."
    )
    looks_at_photos = serializers.BooleanField()
    breaker = serializers.ChoiceField(
        choices=[(state.value, state.value) for state in State],
        help_text="OPEN: not asked until `retry_at`, because it failed again and again or wished so. HALF_OPEN: one "
        "call may try whether it is well again.",
    )
    retry_at = serializers.DateTimeField(allow_null=True)
    warning = serializers.CharField(help_text="That its model ends, or is gone, as of the last daily look; else empty.")
