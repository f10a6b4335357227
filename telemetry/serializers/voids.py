"""Readings that were declared void, and what would be."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from faultreporter.api.serializers import CleanCharField, InstantField, ModelSerializer, Serializer
from telemetry.models import ReadingVoid
from telemetry.serializers.fields import NumberField
from telemetry.store.history import LARGEST_SERIES


class DeclareVoidSerializer(Serializer):
    """Which readings are wrong, and why."""

    series_ids = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=LARGEST_SERIES), min_length=1,
        help_text=_("At most 50. Readings of a machine that nobody sees can't be named."),
    )  # fmt: skip
    reason = CleanCharField(max_length=300, required=False, allow_blank=True, help_text=_("Needed unless dry_run."))
    dry_run = serializers.BooleanField(
        required=False, default=False, help_text=_("Only tells what would be void; stores nothing.")
    )

    def get_fields(self) -> Any:
        since = InstantField(source="since", help_text=_("Inclusive."))
        until = InstantField(source="until", help_text=_("Exclusive; not after the present."))
        return {"from": since, "to": until, **super().get_fields()}


class VoidAlertsSerializer(serializers.Serializer[Any]):
    """Alerts that rules raised on these series in this time: history, and perhaps false alarms."""

    open = serializers.IntegerField()
    closed = serializers.IntegerField()


class VoidedSeriesSerializer(serializers.Serializer[Any]):
    """One of the series that it is about."""

    series_id = serializers.IntegerField()
    equipment_id = serializers.UUIDField(source="series.equipment_id")
    equipment_code = serializers.CharField(source="series.equipment.equipment_code")
    metric = serializers.CharField(source="series.metric.code")
    readings = serializers.IntegerField(help_text=_("Stored in its time when it was declared."))


class ReadingVoidSerializer(ModelSerializer):
    """A time in which what some sensors said was wrong. While `is_active`, its readings are void.

    More than 100,000 readings follow in the background: `progress` goes from 0 to 1, also when it is taken back.
    """

    is_active = serializers.BooleanField(read_only=True, help_text=_("Not taken back."))
    readings = serializers.IntegerField(read_only=True, help_text=_("Stored in its time when it was declared."))
    progress = serializers.FloatField(read_only=True)
    series = VoidedSeriesSerializer(source="lines", many=True, read_only=True)
    created_by_id = serializers.UUIDField(read_only=True, allow_null=True)
    taken_back_by_id = serializers.UUIDField(read_only=True, allow_null=True)

    class Meta:
        model = ReadingVoid
        fields: tuple[str, ...] = (
            "id", "reason", "is_active", "readings", "progress", "series", "created_by_id", "created_at",
            "taken_back_by_id", "taken_back_at", "updated_at",
        )  # fmt: skip
        read_only_fields = fields

    def get_fields(self) -> dict[str, Any]:
        since = InstantField(source="since", read_only=True, help_text=_("Inclusive."))
        until = InstantField(source="until", read_only=True, help_text=_("Exclusive."))
        return {"from": since, "to": until, **super().get_fields()}


class ReadingVoidDetailSerializer(ReadingVoidSerializer):
    """With the alerts of that time."""

    alerts = VoidAlertsSerializer(read_only=True)

    class Meta(ReadingVoidSerializer.Meta):
        fields = (*ReadingVoidSerializer.Meta.fields, "alerts")


class VoidFiguresSerializer(serializers.Serializer[Any]):
    """What of one series would be void."""

    series_id = serializers.IntegerField()
    readings = serializers.IntegerField()
    already_void = serializers.IntegerField(help_text=_("Of these, void for another reason."))
    windows = serializers.IntegerField(help_text=_("Quarters of an hour that would be rolled up anew."))
    lowest = NumberField(allow_null=True)
    highest = NumberField(allow_null=True)
    first_at = InstantField(allow_null=True)
    first_value = NumberField(allow_null=True)
    last_at = InstantField(allow_null=True)
    last_value = NumberField(allow_null=True)


class VoidPreviewSerializer(serializers.Serializer[Any]):
    """What would be void, and what has been raised in that time."""

    readings = serializers.IntegerField()
    series = VoidFiguresSerializer(many=True)
    alerts = VoidAlertsSerializer()
