"""Alarm performance over REST: what may be asked, and what is answered."""

from datetime import date, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _
from rest_framework import serializers

from alerts.models import Alert
from analytics.alarms.figures import DAY, Period
from analytics.serializers import counts_by
from equipment.models import Equipment
from faultreporter.api.serializers import InstantField, Serializer, UpperChoiceField
from faultreporter.errors import InvalidParameter, RangeTooLarge
from locations.fields import VisibleKeyField
from locations.models import Location
from locations.models.calendar import zone_of
from telemetry.models import Rule

USUAL_DAYS: Final = 30
MOST_DAYS: Final = 366
EARLIEST: Final = date(1970, 1, 2)
LATEST: Final = date(2199, 12, 30)


class AskedSerializer(Serializer):
    """Which alerts, and whole days of the place's clock. `from` is no name in Python, hence the field's source."""

    site_id = VisibleKeyField(source="site", queryset=Location.objects.select_related("site"), required=False)
    location_id = VisibleKeyField(source="location", queryset=Location.objects.select_related("site"), required=False)
    equipment_id = VisibleKeyField(
        source="equipment", queryset=Equipment.objects.select_related("location__site"), required=False
    )
    source: Any = UpperChoiceField(choices=Alert.Source.choices, required=False)

    def get_fields(self) -> dict[str, Any]:
        days = {name: serializers.DateField(source=source, required=False) for name, source in
                (("from", "first"), ("to", "last"))}  # fmt: skip
        return {**days, **super().get_fields()}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """With `period` instead of the days, and one `place`."""
        places = [attrs.pop(name) for name in ("site", "location") if name in attrs]
        if len(places) > 1:
            raise InvalidParameter(_("Name a site or a location, not both."), field="location_id")
        place = places[0] if places else None
        at, machine = self.context["at"], attrs.get("equipment")
        zone = self.zone(place or (machine and machine.location))
        last = attrs.pop("last", None) or at.astimezone(zone).date()
        first = attrs.pop("first", None) or last - timedelta(days=USUAL_DAYS - 1)
        check_days(first, last)
        return {**attrs, "place": place, "period": Period(first, last, zone, at)}

    def zone(self, place: Location | None) -> ZoneInfo:
        """The clock of the place's site; where none is named, the reader's own."""
        if place is None:
            return ZoneInfo(self.context["request"].user.time_zone)
        return zone_of(place.site or place)


def check_days(first: date, last: date) -> None:
    if first > last:
        raise InvalidParameter(_("The last day is before the first."), field="to")
    if first < EARLIEST or last > LATEST:
        raise InvalidParameter(_("from and to must lie between 1970 and 2199."), field="from")
    if last - first >= MOST_DAYS * DAY:
        message = _("Ask for %(most)d days at most.") % {"most": MOST_DAYS}
        raise RangeTooLarge(message, field="from", meta={"most": MOST_DAYS})


class AskedRulesSerializer(AskedSerializer):
    rule_id = VisibleKeyField(source="rule", queryset=Rule.objects.all(), required=False)
    kind = UpperChoiceField(choices=Rule.Kind.choices, required=False)
    severity = UpperChoiceField(choices=Rule.Severity.choices, required=False)
    has_advice = UpperChoiceField(choices=["TRUE", "FALSE"], required=False)


class AlarmShareSerializer(Serializer):
    """`count` of `of`. Null where `of` is 0; `is_few` where it is so small that the share says little."""

    count = serializers.IntegerField()
    of = serializers.IntegerField()
    share = serializers.FloatField(allow_null=True)
    is_few = serializers.BooleanField()


class SpreadSerializer(Serializer):
    """Seconds; null where there are none to tell it from."""

    count = serializers.IntegerField()
    median_s = serializers.FloatField(allow_null=True)
    p90_s = serializers.FloatField(allow_null=True)
    is_few = serializers.BooleanField()


class LoadSerializer(Serializer):
    """Figures that are told of everything, of each rule and of each machine alike."""

    begins = serializers.IntegerField(source="load.begins", help_text="Alerts raised, and conditions that came back.")
    alerts = serializers.IntegerField(source="load.alerts", help_text="Of these, alerts raised.")
    in_storm = serializers.IntegerField(source="load.in_storm", help_text="Of the alerts, those another speaks for.")
    per_day = serializers.FloatField(allow_null=True, help_text="Null before the period has begun.")
    standing = serializers.IntegerField(help_text="Open for more than 24 hours at the end of the period.")
    self_cleared = AlarmShareSerializer(
        source="load.self_cleared", help_text="Of rules: over before anybody did anything."
    )
    fleeting = AlarmShareSerializer(source="load.fleeting_share", help_text="Of rules: the same within ten minutes.")
    chattering = AlarmShareSerializer(
        source="load.chattering_share", help_text="The same alarm had begun twice within the hour before."
    )
    answered = AlarmShareSerializer(source="load.answered_share", help_text="Of the alerts, without duplicates.")
    false_alarms = AlarmShareSerializer(source="load.false_share", help_text="Of those resolved, without duplicates.")
    to_acknowledge = SpreadSerializer(source="load.to_acknowledge")
    to_resolve = SpreadSerializer(source="load.to_resolve")
    last_at = InstantField(source="load.last_at", allow_null=True, help_text="When the last one began.")


class AlarmSeverityCountsSerializer(counts_by(Alert.Severity.values)):  # type: ignore[misc]  # made of the enumeration
    pass


class AlarmDaySerializer(Serializer):
    day = serializers.DateField()
    begins = serializers.IntegerField()
    severities = AlarmSeverityCountsSerializer()


class PeakSerializer(Serializer):
    begins = serializers.IntegerField()
    starts_at = InstantField()


class SiteLoadSerializer(Serializer):
    site_id = serializers.UUIDField(source="site.pk", default=None, allow_null=True)
    name = serializers.CharField(source="site.name", default=None, allow_null=True)
    begins = serializers.IntegerField()
    per_day = serializers.FloatField(allow_null=True)


class BadActorSerializer(Serializer):
    """One alarm: a rule on a series, or a fault that people report by one name."""

    title = serializers.CharField()
    source: Any = serializers.ChoiceField(choices=Alert.Source.choices)
    rule_id = serializers.UUIDField(allow_null=True)
    equipment_id = serializers.UUIDField(source="equipment.pk")
    equipment_code = serializers.CharField(source="equipment.equipment_code")
    equipment_name = serializers.CharField(source="equipment.equipment_name")
    begins = serializers.IntegerField()
    share = AlarmShareSerializer()
    cumulative = AlarmShareSerializer(help_text="With those before it.")
    last_at = InstantField()


def parts_by(choices: list[str]) -> type[Serializer]:
    """A serializer of one share a choice."""
    return type("PartsBy", (Serializer,), {choice: AlarmShareSerializer() for choice in choices})


class SeverityPartsSerializer(parts_by(Alert.Severity.values)):  # type: ignore[misc]  # made of the enumeration
    pass


class SourcePartsSerializer(parts_by(Alert.Source.values)):  # type: ignore[misc]  # made of the enumeration
    pass


class AlarmPerformanceSerializer(LoadSerializer):
    """How the alarms of a period performed. Days are those of `tz`; `known_until` is now while the period lasts."""

    first_day = serializers.DateField(source="period.first")
    last_day = serializers.DateField(source="period.last")
    tz = serializers.CharField(source="period.zone.key")
    known_until = InstantField(source="period.known_until")
    alarms = serializers.IntegerField(source="load.alarms", help_text="Different ones that began.")
    chattering_alarms = serializers.IntegerField(source="load.chattering_alarms")
    peak = PeakSerializer(allow_null=True, help_text="The fullest ten minutes.")
    floods = AlarmShareSerializer(help_text="Of all windows of ten minutes, those with more than ten begins.")
    by_severity = SeverityPartsSerializer(source="severities")
    by_source = SourcePartsSerializer(source="sources")
    days = AlarmDaySerializer(many=True)
    sites = SiteLoadSerializer(many=True)
    bad_actors = BadActorSerializer(many=True, help_text="The ten most frequent.")
    top_share = AlarmShareSerializer(help_text="What those ten have of all begins.")


class AdviceSerializer(Serializer):
    """`changes` are what POST /iot-rules/{id}/backtest takes; empty where no number follows."""

    code = serializers.ChoiceField(
        choices=["LENGTHEN_DURATION", "STOP_CHATTERING", "MOVE_LIMIT", "QUESTION_NEED", "CLOSE_STANDING"]
    )
    text = serializers.CharField()
    changes = serializers.DictField(child=serializers.IntegerField())


class RulePerformanceSerializer(LoadSerializer):
    """A rule with alarms in the period. Advice looks only at what began under the version in force."""

    rule_id = serializers.UUIDField(source="record.pk")
    title = serializers.CharField(source="record.title")
    kind = serializers.ChoiceField(source="record.kind", choices=Rule.Kind.choices)
    severity = serializers.ChoiceField(source="record.severity", choices=Rule.Severity.choices)
    metric = serializers.CharField(source="record.metric.code")
    is_enabled = serializers.BooleanField(source="record.is_enabled")
    version = serializers.IntegerField(source="record.version")
    share = AlarmShareSerializer(help_text="Of what began by rules.")
    advice = AdviceSerializer(many=True)
    changed_at = InstantField(allow_null=True, help_text="The last change, if in the period.")
    per_day_before = serializers.FloatField(allow_null=True, help_text="Null for less than a day.")
    per_day_since = serializers.FloatField(allow_null=True, help_text="Null for less than a day.")


class MachinePerformanceSerializer(LoadSerializer):
    """A machine with alarms in the period."""

    equipment_id = serializers.UUIDField(source="record.pk")
    equipment_code = serializers.CharField(source="record.equipment_code")
    equipment_name = serializers.CharField(source="record.equipment_name")
    share = AlarmShareSerializer(help_text="Of all that began.")
