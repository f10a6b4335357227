"""Findings and downtime as JSON, and the moves that say them."""

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from alerts.serializers import LONGEST_TEXT, MoveSerializer
from equipment.models import FailureCause, FailureMechanism, Remedy, StatusInterval
from equipment.serializers import OptionalTextField
from faultreporter.api.serializers import CleanCharField, InstantField, ModelSerializer, UpperChoiceField
from workorders.models.labour import minutes_between
from workorders.serializers.fields import MinutesField, MoneyField


class CodeField(CleanCharField):
    """The code of an entry that may be chosen, in any case."""

    default_error_messages = {"unknown_code": _("There is no such code, or it is out of use.")}

    def __init__(self, *, model: type[FailureMechanism | FailureCause | Remedy], **kwargs: Any) -> None:
        self.model = model
        super().__init__(**{"max_length": 50, "required": False, "allow_null": True, **kwargs})

    def run_validation(self, data: Any = serializers.empty) -> Any:
        code = super().run_validation(data)
        if code is None:
            return None
        found = self.model.objects.offered().filter(code=code.upper()).first()
        if found is None:
            self.fail("unknown_code")
        return found


class FindingsSerializer(MoveSerializer):
    """What was found, coded and in words."""

    failure_mode = CleanCharField(
        max_length=50, required=False, allow_null=True, help_text="A code of the machine's category, or a general one."
    )
    failure_mechanism = CodeField(model=FailureMechanism, help_text="A code of /failure-mechanisms.")
    failure_cause = CodeField(model=FailureCause, help_text="A code of /failure-causes.")
    remedy_action = CodeField(model=Remedy, help_text="A code of /remedies.")
    no_failure_found = serializers.BooleanField(required=False, help_text="Looked for and nothing found.")
    cause = OptionalTextField(max_length=LONGEST_TEXT)
    remedy = OptionalTextField(max_length=LONGEST_TEXT)


class CompleteSerializer(FindingsSerializer):
    """`labour_minutes` and the costs are totals of the whole order; what the entries don't explain becomes one."""

    resolution = CleanCharField(max_length=LONGEST_TEXT, help_text="What was done.")
    restored_at = InstantField(required=False, help_text="When the machine ran again, if before that.")
    exclusion_reason = UpperChoiceField(
        choices=StatusInterval.Exclusion.choices, required=False, help_text="Why its standstill was no failure."
    )
    labour_minutes = MinutesField(required=False)
    labour_cost = MoneyField(required=False)
    parts_cost = MoneyField(required=False)
    other_cost = MoneyField(required=False)


class CloseSerializer(FindingsSerializer):
    note = CleanCharField(required=False, allow_blank=True, max_length=LONGEST_TEXT)


class DowntimeSerializer(ModelSerializer):
    """How long the machine stood for an order, and whether that counts as a failure."""

    minutes = serializers.SerializerMethodField(help_text="Until now while it stands.")
    reason = OptionalTextField(read_only=True)

    class Meta:
        model = StatusInterval
        fields = (
            "id", "status", "started_at", "ended_at", "minutes", "reason", "counts_as_failure", "exclusion_reason",
        )  # fmt: skip
        read_only_fields = fields

    def get_minutes(self, interval: StatusInterval) -> int:
        return minutes_between(interval.started_at, interval.ended_at or timezone.now())


class JudgeDowntimeSerializer(MoveSerializer):
    exclusion_reason = UpperChoiceField(
        choices=StatusInterval.Exclusion.choices, allow_null=True, help_text="null: it counts as a failure."
    )
    reason = CleanCharField(max_length=LONGEST_TEXT)
