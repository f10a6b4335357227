from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from equipment.models import Category, Equipment
from faultreporter.api.serializers import ModelSerializer
from locations.fields import VisibleKeyField
from locations.models import Location
from locations.serializers import WeeklyHoursSerializer
from telemetry.models import MaintenanceWindow, Rule, RuleState, RuleVersion
from telemetry.models.rule_kinds import LONGEST_S
from telemetry.rules.reasons import limit_words
from telemetry.serializers.fields import MetricCodeField, NumberField


def number(help_text: Any) -> NumberField:
    return NumberField(required=False, allow_null=True, help_text=help_text)


def whole_seconds(help_text: Any, *, lowest: int = 1) -> serializers.IntegerField:
    return serializers.IntegerField(
        required=False, allow_null=lowest > 0, min_value=lowest, max_value=LONGEST_S, help_text=help_text
    )


class RuleSerializer(ModelSerializer):
    """An alarm rule for one machine (`equipment_id`) or for all of a category (`category_id`): one of the two.

    THRESHOLD needs `trigger_value` and takes `comparison` (ABOVE, BELOW), `clear_value`. RANGE needs `low_value` and
    `high_value` and takes `clear_margin`. RATE_OF_CHANGE needs `trigger_value` and `window_s` and takes `comparison`
    (also EITHER), `clear_value`, `rate_per`. These three take `for_s`, `keep_firing_s` and `min_samples`. STALE needs
    `stale_after_s` and takes `keep_firing_s`. STUCK needs `stuck_for_s` and takes `tolerance`, `min_samples` and
    `keep_firing_s`. What a kind doesn't take is refused, and is null, empty or its default when read.
    """

    equipment_id = VisibleKeyField(
        source="equipment", queryset=Equipment.objects.all(), allow_null=True, required=False
    )
    category_id = VisibleKeyField(source="category", queryset=Category.objects.all(), allow_null=True, required=False)
    metric = MetricCodeField()
    unit = serializers.CharField(source="metric.unit", read_only=True, help_text=_("What the values are in."))
    trigger_value = number(_("Beyond it the condition holds; a rate of change is per minute or hour."))
    clear_value = number(_("Back at it the condition is over; the trigger value if left out."))
    low_value = number(_("Below it the condition holds."))
    high_value = number(_("Above it the condition holds."))
    clear_margin = number(_("So far within both values the condition is over; 0 if left out."))
    window_s = whole_seconds(_("Seconds over which the change is taken."))
    stale_after_s = whole_seconds(_("Seconds without a reading, from the arrival of the last one."))
    stuck_for_s = whole_seconds(_("Seconds in which the value moves by no more than the tolerance."))
    tolerance = number(_("Moving by no more than this isn't moving; 0 if left out."))
    for_s = whole_seconds(_("Seconds the condition must hold before the rule fires."), lowest=0)
    keep_firing_s = whole_seconds(_("Seconds the condition must be over before the alarm is."), lowest=0)
    min_samples = serializers.IntegerField(
        required=False, min_value=1, max_value=10_000,
        help_text=_("So many readings in a row must meet the condition. Of a stuck value: must lie in that time."),
    )  # fmt: skip
    weekly_hours = WeeklyHoursSerializer(
        required=False, allow_null=True, help_text=_("When alarms may begin, on the clock of the site; null is always.")
    )
    limit = serializers.SerializerMethodField(help_text=_("The limit in words."))
    firing_count = serializers.IntegerField(read_only=True, help_text=_("On how many machines it fires now."))
    failing_count = serializers.IntegerField(
        read_only=True, help_text=_("On how many machines it can't be judged now: no alarm begins or ends there.")
    )
    failing_since = serializers.DateTimeField(read_only=True, allow_null=True, help_text=_("Since when, there."))
    last_error = serializers.CharField(read_only=True, help_text=_("What went wrong when it was last tried there."))

    class Meta:
        model = Rule
        fields = (
            "id", "title", "equipment_id", "category_id", "metric", "unit", "kind", "comparison",
            "trigger_value", "clear_value", "low_value", "high_value", "clear_margin", "window_s", "rate_per",
            "stale_after_s", "stuck_for_s", "tolerance", "for_s", "keep_firing_s", "min_samples", "weekly_hours",
            "severity", "is_enabled", "limit", "version", "effective_from", "firing_count",
            "failing_count", "failing_since", "last_error", "created_at", "updated_at", "deleted_at",
        )  # fmt: skip
        read_only_fields = ("id", "version", "effective_from", "created_at", "updated_at", "deleted_at")

    def get_limit(self, rule: Rule) -> str:
        return limit_words(rule.limits(), rule.metric.unit)


class RuleVersionSerializer(ModelSerializer):
    """A rule as it was from `in_force_from` until its next version."""

    changed_by_id = serializers.UUIDField(read_only=True, allow_null=True)
    config = serializers.JSONField(read_only=True, help_text=_("Everything that a person can set."))

    class Meta:
        model = RuleVersion
        fields = ("version", "in_force_from", "changed_by_id", "config")
        read_only_fields = fields


class RuleStateSerializer(ModelSerializer):
    """How a rule stands on one series."""

    series_id = serializers.IntegerField(read_only=True)
    equipment_id = serializers.UUIDField(source="series.equipment_id", read_only=True)

    class Meta:
        model = RuleState
        fields = (
            "series_id", "equipment_id", "version", "state", "since", "pending_since", "samples", "judged_up_to",
            "last_value", "is_told", "suppressed_by", "suppressed_until", "failing_since", "last_error",
        )  # fmt: skip
        read_only_fields = fields


class MaintenanceWindowSerializer(ModelSerializer):
    """A time without new alerts, for a machine (`equipment_id`) or a place (`location_id`): one of the two."""

    equipment_id = VisibleKeyField(
        source="equipment", queryset=Equipment.objects.all(), allow_null=True, required=False
    )
    location_id = VisibleKeyField(source="location", queryset=Location.objects.all(), allow_null=True, required=False)

    class Meta:
        model = MaintenanceWindow
        fields = (
            "id", "equipment_id", "location_id", "starts_at", "ends_at", "reason",
            "created_at", "updated_at", "deleted_at",
        )  # fmt: skip
        read_only_fields = ("id", "created_at", "updated_at", "deleted_at")
