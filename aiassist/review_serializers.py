"""A person's verdict on an answer, and the bodies of what is made of one."""

from typing import Any

from rest_framework import serializers

from aiassist.drafts import LONGEST_TITLE
from aiassist.models import AnalysisReview
from alerts.fields import OptionalChoiceField
from alerts.models import Alert
from alerts.serializers import LONGEST_TEXT, MoveSerializer
from equipment.serializers import OptionalTextField, PersonBriefSerializer
from faultreporter.api.serializers import CleanCharField, ModelSerializer, Serializer, UpperChoiceField
from workorders.models import WorkOrder
from workorders.models.planning import LONGEST_JOB
from workorders.serializers import RaiseWorkOrderSerializer
from workorders.serializers.fields import MinutesField
from workorders.serializers.planning import SuggestionSerializer


class AnalysisReviewSerializer(ModelSerializer):
    """What a person made of the answer. `failure_mode` and `severity` say what is right where the answer isn't."""

    reviewed_by = PersonBriefSerializer(read_only=True)
    failure_mode = serializers.CharField(source="failure_mode.code", read_only=True, allow_null=True, default=None)
    severity = OptionalChoiceField(choices=Alert.Severity.choices, read_only=True)
    note = OptionalTextField(read_only=True)
    alert_id = serializers.UUIDField(read_only=True, allow_null=True, help_text="The alert made of it.")
    work_order_id = serializers.UUIDField(read_only=True, allow_null=True, help_text="The work order made of it.")

    class Meta:
        model = AnalysisReview
        fields = (
            "verdict",
            "failure_mode",
            "severity",
            "note",
            "reviewed_by",
            "reviewed_at",
            "alert_id",
            "work_order_id",
        )
        read_only_fields = fields


class AnalysisFeedbackSerializer(MoveSerializer):
    """EDITED needs what is right instead, REJECTED may say it, ACCEPTED takes the answer as it is."""

    verdict = UpperChoiceField(choices=AnalysisReview.Verdict.choices)
    failure_mode = CleanCharField(required=False, max_length=50, help_text="The code of what it is instead.")
    severity = UpperChoiceField(choices=Alert.Severity.choices, required=False)
    note = CleanCharField(required=False, allow_blank=True, max_length=2000)


class MakeAlertSerializer(Serializer):
    """What is left out comes from the answer."""

    title = CleanCharField(max_length=LONGEST_TITLE, required=False)
    description = OptionalTextField(max_length=LONGEST_TEXT)
    severity = UpperChoiceField(
        choices=Alert.Severity.choices, required=False, help_text="Another than the answer's makes it an edited one."
    )
    equipment_down = serializers.BooleanField(
        required=False, help_text="Whether the machine can't run; true if left out of a CRITICAL alert, else false."
    )


class DraftTaskSerializer(Serializer):
    title = CleanCharField(max_length=LONGEST_TITLE)
    instructions = CleanCharField(required=False, allow_blank=True, max_length=LONGEST_TEXT)


class MakeOrderSerializer(RaiseWorkOrderSerializer):
    """What is left out comes from the draft."""

    estimated_minutes = MinutesField(required=False, min_value=1, max_value=LONGEST_JOB, allow_null=True)
    tasks = DraftTaskSerializer(many=True, required=False)


class DraftPartSerializer(serializers.Serializer[Any]):
    part_id = serializers.UUIDField()
    number = serializers.CharField()
    name = serializers.CharField()
    unit = serializers.CharField()
    repairs = serializers.IntegerField(help_text="How many of the past repairs used it.")
    quantity = serializers.DecimalField(
        max_digits=12, decimal_places=3, help_text="How much each of those used, on average."
    )


class ExperienceSerializer(serializers.Serializer[Any]):
    """What past repairs of the same failure mode on the same model took, the newest 200 of them."""

    repairs = serializers.IntegerField()
    minutes = serializers.IntegerField(allow_null=True, help_text="The median of those with hours logged.")
    repairs_with_minutes = serializers.IntegerField()
    parts = DraftPartSerializer(many=True)


class DraftOrderSerializer(serializers.Serializer[Any]):
    """The work order that would be raised. Nothing is stored."""

    title = serializers.CharField()
    description = serializers.CharField()
    type = serializers.ChoiceField(choices=WorkOrder.Type.choices)
    priority = serializers.ChoiceField(choices=WorkOrder.Priority.choices)
    failure_mode = serializers.CharField(allow_null=True)
    estimated_minutes = serializers.IntegerField(source="experience.minutes", allow_null=True)
    tasks = DraftTaskSerializer(many=True)
    experience = ExperienceSerializer()
    suggested_assignees = serializers.SerializerMethodField(help_text="Null for who gives no work to others.")

    def get_suggested_assignees(self, draft: Any) -> Any:
        people = self.context["suggested"]
        return None if people is None else SuggestionSerializer(people, many=True).data
