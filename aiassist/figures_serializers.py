"""How good the assistant is, and what it costs."""

from datetime import UTC, datetime, time, timedelta
from typing import Any, Final

from django.utils.translation import gettext as _
from rest_framework import serializers

from aiassist.models import Analysis
from equipment.models import Category
from faultreporter.api.serializers import CleanCharField, Serializer, UpperChoiceField
from faultreporter.errors import InvalidParameter, RangeTooLarge
from locations.fields import VisibleKeyField
from locations.models import Location

USUAL_DAYS: Final = 90
MOST_DAYS: Final = 1096
PROVIDERS: Final = [choice for choice in Analysis.Provider.choices if choice[0] != Analysis.Provider.AUTO]


class PeriodSerializer(Serializer):
    """Days in UTC, the first and the last included. `from` is no name in Python, hence the field's source."""

    provider = UpperChoiceField(choices=PROVIDERS, default="")
    model = CleanCharField(max_length=100, default="")

    def get_fields(self) -> dict[str, Any]:
        days = {name: serializers.DateField(source=source, required=False) for name, source in
                (("from", "first"), ("to", "last"))}  # fmt: skip
        return {**days, **super().get_fields()}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """With `start` and `end`, half-open, instead of the days."""
        last = attrs.pop("last", None) or self.context["at"].astimezone(UTC).date()
        first = attrs.pop("first", None) or last - timedelta(days=USUAL_DAYS - 1)
        if first > last:
            raise InvalidParameter(_("The last day is before the first."), field="to")
        if (last - first).days >= MOST_DAYS:
            message = _("Ask for %(most)d days at most.") % {"most": MOST_DAYS}
            raise RangeTooLarge(message, field="from", meta={"most": MOST_DAYS})
        start = datetime.combine(first, time(), UTC)
        end = datetime.combine(last, time(), UTC) + timedelta(days=1)
        return {**attrs, "start": start, "end": end}


class AccuracyOfSerializer(PeriodSerializer):
    prompt_version = CleanCharField(max_length=50, default="")
    failure_mode = CleanCharField(max_length=50, default="")
    category_id = VisibleKeyField(source="category", queryset=Category.objects.all(), required=False)
    site_id = VisibleKeyField(source="site", queryset=Location.objects.all(), required=False)


class ShareSerializer(serializers.Serializer[Any]):
    """`hits` of `n`. `low` and `high` bound the true share with 95 % confidence (Wilson). Null where `n` is 0."""

    n = serializers.IntegerField()
    hits = serializers.IntegerField()
    share = serializers.FloatField(allow_null=True)
    low = serializers.FloatField(allow_null=True)
    high = serializers.FloatField(allow_null=True)


class ModeAccuracySerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    precision = ShareSerializer(help_text="Of the answers that put the mode first, how many were right.")
    recall = ShareSerializer(help_text="Of the faults that were this mode, how many answers put it first.")


class AccuracySerializer(serializers.Serializer[Any]):
    """One provider's model with one version of the prompt."""

    provider = serializers.CharField(source="source.provider")
    model_name = serializers.CharField(source="source.model_name")
    prompt_version = serializers.CharField(source="source.prompt_version")
    asked = serializers.IntegerField(source="effort.asked", help_text="Analyses it was asked for.")
    answers = serializers.IntegerField(help_text="Analyses it answered.")
    known = ShareSerializer(help_text="Of the answers, those of which it is known what was wrong.")
    right = ShareSerializer(
        help_text="Of those: the mode that was found came first, or nothing was wrong and no issue was named."
    )
    precision = ShareSerializer(help_text="Of the answers that put a mode first, how many were right.")
    recall = ShareSerializer(help_text="Of the faults that have a mode, how many answers put it first.")
    top_3 = ShareSerializer(help_text="Of the faults that have a mode, how many answers name it among the first three.")
    abstained = ShareSerializer(help_text="Of the answers, those that name no issue or say that they can't tell.")
    needs_review = ShareSerializer(help_text="Of the answers, those a person should look at first.")
    accepted = ShareSerializer(help_text="Of the answers that a person judged.")
    edited = ShareSerializer(help_text="Of the answers that a person judged.")
    rejected = ShareSerializer(help_text="Of the answers that a person judged.")
    severity_agreed = ShareSerializer(help_text="Of the verdicts that state a severity or accept the answer's.")
    dropped_citations_per_answer = serializers.FloatField(
        allow_null=True, help_text="Pieces of evidence that don't exist."
    )
    calls = serializers.IntegerField(source="effort.calls", help_text="Failed ones and corrections too.")
    calls_without_cost = serializers.IntegerField(
        source="effort.calls_without_cost", help_text="No price is known, or no tokens; not in the costs."
    )
    cost_micro_usd = serializers.IntegerField(source="effort.cost_micro_usd", allow_null=True)
    cost_per_answer_micro_usd = serializers.FloatField(allow_null=True)
    cost_per_right_answer_micro_usd = serializers.FloatField(
        allow_null=True, help_text="The cost of an answer over the share that is right."
    )
    median_seconds = serializers.FloatField(source="effort.median_seconds", allow_null=True)
    failure_modes = ModeAccuracySerializer(many=True)


class DayCostSerializer(serializers.Serializer[Any]):
    """One model's calls that began on one day in UTC."""

    day = serializers.DateField()
    provider = serializers.CharField()
    model_name = serializers.CharField()
    calls = serializers.IntegerField()
    reused = serializers.IntegerField(help_text="Answers to equal questions, at no cost.")
    calls_without_cost = serializers.IntegerField(help_text="No price is known, or no tokens; not in the cost.")
    input_tokens = serializers.IntegerField()
    cached_tokens = serializers.IntegerField(help_text="Of the input tokens.")
    output_tokens = serializers.IntegerField()
    cost_micro_usd = serializers.IntegerField(allow_null=True)


class BudgetSerializer(serializers.Serializer[Any]):
    """What the server may spend today, a day in UTC. A call whose cost nobody knows counts with an assumed one."""

    budget_micro_usd = serializers.IntegerField()
    spent_micro_usd = serializers.IntegerField()
    left_micro_usd = serializers.IntegerField()
    resets_at = serializers.DateTimeField()


class CostsSerializer(serializers.Serializer[Any]):
    """A millionth of a US dollar is the unit."""

    cost_micro_usd = serializers.IntegerField(help_text="Of the whole period, as far as it is known.")
    days = DayCostSerializer(many=True)
    today = BudgetSerializer()
