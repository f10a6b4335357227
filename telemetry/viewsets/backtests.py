"""Trying a rule, or a draft of it, on the past, over REST."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from faultreporter.accounts.authentication import caller
from faultreporter.api.serializers import InstantField
from faultreporter.api.viewsets import GenericViewSet
from telemetry.charts.drawing import lines_of
from telemetry.models import Metric, Series, Suppression
from telemetry.rules.backtest import MAX_READINGS, MAX_SERIES, Episode, SeriesTrial, Trial, back_test
from telemetry.rules.judging import Limits
from telemetry.rules.reasons import reason
from telemetry.serializers.fields import NumberField
from telemetry.serializers.rules import RuleSerializer

LINE_KINDS = ("TRIGGER", "CLEAR")


class BackTestRequestSerializer(serializers.Serializer[Any]):
    """Which time, and which limits instead of the rule's own."""

    changes = serializers.JSONField(
        required=False, default=dict, help_text=_("Fields of the rule as a draft has them. Nothing is stored.")
    )
    series_id = serializers.IntegerField(
        required=False, min_value=1, max_value=2**31 - 1, help_text=_("One of the series the rule watches.")
    )

    def get_fields(self) -> Any:
        since = InstantField(source="since", help_text=_("Inclusive."))
        until = InstantField(source="until", help_text=_("Exclusive; what lies ahead is left out."))
        return {"from": since, "to": until, **super().get_fields()}


class RuleEpisodeSerializer(serializers.Serializer[Any]):
    """An alarm, and the alert that would have been raised for it."""

    fired_at = serializers.DateTimeField(help_text=_("When the alarm began."))
    told_at = serializers.DateTimeField(
        allow_null=True, help_text=_("When the alert would have been raised. Null: never, it was held back.")
    )
    suppressed_by = serializers.ChoiceField(
        choices=Suppression.choices, allow_blank=True, help_text=_("What held the alert back, if anything did.")
    )
    cleared_at = serializers.DateTimeField(allow_null=True, help_text=_("Null: still open at the end."))
    value = NumberField(help_text=_("The reading that it fired on."))
    measure = NumberField(allow_null=True, help_text=_("What the rule looked at, such as a rate of change."))
    reason = serializers.CharField(help_text=_("In words, as the alert would have said it."))


class RulePendingSerializer(serializers.Serializer[Any]):
    """A time beyond the limit that was too short, so far, for an alert."""

    began_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField()
    fired = serializers.BooleanField(help_text=_("Whether an alert came of it."))


class CountsSerializer(serializers.Serializer[Any]):
    readings = serializers.IntegerField()
    alerts = serializers.IntegerField(help_text=_("Those that would have been raised."))
    held_back = serializers.IntegerField(help_text=_("Alarms that would never have been told."))
    firing_s = NumberField(help_text=_("Seconds of alarm."))
    pending_s = NumberField(help_text=_("Seconds beyond the limit that never became an alert."))
    naive_alerts = serializers.IntegerField(
        help_text=_("What one alert for each reading beyond the limit would have been.")
    )


class SeriesBackTestSerializer(CountsSerializer):
    """What the rule would have done with one series."""

    series_id = serializers.IntegerField()
    equipment_id = serializers.UUIDField()
    equipment_code = serializers.CharField()
    unit = serializers.CharField()
    episodes = RuleEpisodeSerializer(many=True)
    pending = RulePendingSerializer(many=True)


class LimitLineSerializer(serializers.Serializer[Any]):
    """Where a limit lies among the values; a rule on something else than the value has none."""

    kind = serializers.ChoiceField(choices=LINE_KINDS)
    value = NumberField()
    label = serializers.CharField(help_text=_("In words."))  # type: ignore[assignment]  # a field


class BackTestSerializer(CountsSerializer):
    """What the rule would have done with all of them together, and with each."""

    rule = RuleSerializer(help_text=_("As it was tried, with the changes."))
    lines = LimitLineSerializer(many=True)
    series = SeriesBackTestSerializer(many=True)


def episode_json(episode: Episode, limits: Limits, metric: Metric) -> dict[str, Any]:
    begun = episode.begun
    return {
        "fired_at": begun.at,
        "told_at": episode.told_at,
        "suppressed_by": episode.hold.by if episode.hold else "",
        "cleared_at": episode.cleared_at,
        "value": begun.value,
        "measure": begun.measure,
        "reason": reason(limits, begun, name=metric.name, unit=metric.unit),
    }


def trial_json(series: Series, limits: Limits, trial: Trial) -> dict[str, Any]:
    return {
        "series_id": series.pk,
        "equipment_id": series.equipment_id,
        "equipment_code": series.equipment.equipment_code,
        "unit": series.metric.unit,
        "readings": trial.readings,
        "alerts": trial.alerts,
        "held_back": len(trial.episodes) - trial.alerts,
        "firing_s": trial.firing_s,
        "pending_s": trial.pending_s,
        "naive_alerts": trial.naive_alerts,
        "episodes": [episode_json(one, limits, series.metric) for one in trial.episodes],
        "pending": [one._asdict() for one in trial.pending],
    }


def totals(found: list[SeriesTrial]) -> dict[str, Any]:
    """The counts of all series together."""
    each = [trial_json(*one) for one in found]
    counted = ("readings", "alerts", "held_back", "firing_s", "pending_s", "naive_alerts")
    return {**{name: sum(one[name] for one in each) for name in counted}, "series": each}


class BackTests(GenericViewSet):
    """Mixed into the viewset of rules."""

    @extend_schema(
        operation_id="backTestRule",
        summary="Try a rule, or a draft of it, on stored readings",
        description=f"At most {MAX_READINGS:,} readings of {MAX_SERIES} series a call. Nothing is stored or raised.",
        request=BackTestRequestSerializer,
        responses=BackTestSerializer,
    )
    @action(detail=True, methods=["post"])
    def backtest(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        rule = self.permitted(self.get_queryset())
        asked = self.body(BackTestRequestSerializer)
        changes = RuleSerializer(rule, data=asked.pop("changes"), partial=True, context=self.get_serializer_context())
        changes.is_valid(raise_exception=True)
        draft = rule.draft(**changes.validated_data)
        found = back_test(draft, **asked, at=self.now(), user=caller(request))
        shown = RuleSerializer(draft, context=self.get_serializer_context()).data
        return Response({"rule": shown, "lines": lines_of(draft, draft.metric), **totals(found)})
