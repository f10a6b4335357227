"""Planned days, workload and suggestions as JSON."""

from rest_framework import serializers

from alerts.serializers import MoveSerializer
from workorders.models.planning import LONGEST_JOB
from workorders.serializers.fields import MinutesField


class ScheduleSerializer(MoveSerializer):
    """The day the job is planned for, in the site's time zone; null takes it off the calendar."""

    planned_date = serializers.DateField(source="day", allow_null=True)
    start_time = serializers.TimeField(
        source="start", required=False, allow_null=True,
        help_text="The hour in the site's time zone, as 08:30; if left out, the hour it had.",
    )  # fmt: skip
    estimated_minutes = MinutesField(source="minutes", required=False, min_value=1, max_value=LONGEST_JOB)
