from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from equipment.models import Category
from faultreporter.api.serializers import CleanCharField, ModelSerializer, Serializer, UpperChoiceField
from locations.fields import VisibleKeyField
from telemetry.models import Detector, Insight, InsightFeedback, Verdicts
from telemetry.serializers.fields import MetricCodeField


class VerdictsSerializer(serializers.Serializer[Any]):
    """What people said, one verdict a person and insight."""

    useful = serializers.IntegerField()
    false_alarms = serializers.IntegerField()
    known = serializers.IntegerField(help_text=_("Known already: neither useful nor false."))


class VerdictFiguresSerializer(VerdictsSerializer):
    """With the share of useful ones, where there are enough verdicts to say."""

    is_enough = serializers.BooleanField(help_text=_("At least ten were useful or false."))
    precision = serializers.FloatField(allow_null=True, help_text=_("Useful ones among useful and false; null if few."))
    precision_low = serializers.FloatField(allow_null=True, help_text=_("Lower end of its 95 % interval (Wilson)."))
    precision_high = serializers.FloatField(allow_null=True, help_text=_("Upper end of its 95 % interval (Wilson)."))
    summary = serializers.CharField(help_text=_("The same in words."))


def figures_json(verdicts: Verdicts) -> dict[str, Any]:
    low, high = verdicts.interval or (None, None)
    return {
        **verdicts._asdict(),
        "is_enough": verdicts.is_enough,
        "precision": verdicts.precision,
        "precision_low": low,
        "precision_high": high,
        "summary": str(verdicts),
    }


class DetectorSerializer(ModelSerializer):
    """What is looked for in a metric. `visibility` decides who sees what it finds; `feedback` should decide that."""

    metric = MetricCodeField()
    category_id = VisibleKeyField(
        source="category",
        queryset=Category.objects.all(),
        allow_null=True,
        required=False,
        help_text=_("Null for the machines of all categories that have none of their own."),
    )
    insight_count = serializers.IntegerField(read_only=True, help_text=_("How many it has found and are kept."))
    feedback = serializers.SerializerMethodField()

    class Meta:
        model = Detector
        fields = (
            "id", "metric", "category_id", "kind", "is_enabled", "visibility", "insight_count", "feedback",
            "created_at", "updated_at", "deleted_at",
        )  # fmt: skip
        read_only_fields = ("id", "created_at", "updated_at", "deleted_at")

    @extend_schema_field(VerdictFiguresSerializer)
    def get_feedback(self, detector: Detector) -> dict[str, Any]:
        return figures_json(detector.verdicts)


class InsightSerializer(ModelSerializer):
    """A stretch of readings that a detector found unusual: a hint, never an alarm."""

    equipment_id = serializers.UUIDField(read_only=True)
    equipment_code = serializers.CharField(source="equipment.equipment_code", read_only=True)
    equipment_name = serializers.CharField(source="equipment.equipment_name", read_only=True)
    series_id = serializers.IntegerField(read_only=True)
    metric = serializers.CharField(source="series.metric.code", read_only=True)
    unit = serializers.CharField(source="series.metric.unit", read_only=True, help_text=_("Of all values here."))
    detector_id = serializers.UUIDField(read_only=True)
    kind = serializers.ChoiceField(source="detector.kind", choices=Detector.Kind.choices, read_only=True)
    group_id = serializers.UUIDField(
        read_only=True, help_text=_("Insights of one machine at about the same time have the same: the first one's id.")
    )
    summary = serializers.CharField(read_only=True, help_text=_("What was seen and what was usual, in a sentence."))
    verdicts = VerdictsSerializer(read_only=True)
    my_verdict = serializers.SerializerMethodField()

    class Meta:
        model = Insight
        fields: tuple[str, ...] = (
            "id", "equipment_id", "equipment_code", "equipment_name", "series_id", "metric", "unit", "detector_id",
            "kind", "state", "group_id", "started_at", "last_unusual_at", "ended_at", "value", "peak_value",
            "peak_score", "expected_low", "expected_high", "summary", "verdicts", "my_verdict",
            "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(
        serializers.ChoiceField(choices=InsightFeedback.Verdict.choices, allow_null=True, help_text=_("The caller's."))
    )
    def get_my_verdict(self, insight: Insight) -> str | None:
        said = insight.verdict_of(self.context["request"].user)
        return said.verdict if said else None


class GroupMemberSerializer(ModelSerializer):
    """Another insight of the same group."""

    metric = serializers.CharField(source="series.metric.code", read_only=True)
    kind = serializers.ChoiceField(source="detector.kind", choices=Detector.Kind.choices, read_only=True)
    summary = serializers.CharField(read_only=True)

    class Meta:
        model = Insight
        fields = ("id", "metric", "kind", "started_at", "ended_at", "summary")
        read_only_fields = fields


class InsightDetailSerializer(InsightSerializer):
    """With the others of its group."""

    group = serializers.SerializerMethodField()

    class Meta(InsightSerializer.Meta):
        fields = (*InsightSerializer.Meta.fields, "group")
        read_only_fields = fields

    @extend_schema_field(GroupMemberSerializer(many=True))
    def get_group(self, insight: Insight) -> Any:
        others = Insight.objects.of_group(insight.group_id).exclude(pk=insight.pk).order_by("started_at", "id")
        return GroupMemberSerializer(others.select_related("detector", "series__metric"), many=True).data


class FeedbackSerializer(Serializer):
    """What one makes of an insight; said again, it replaces what one said before."""

    verdict = UpperChoiceField(choices=InsightFeedback.Verdict.choices)
    note = CleanCharField(required=False, default="", allow_blank=True, max_length=500)
