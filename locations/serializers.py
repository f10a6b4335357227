from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from faultreporter.api.serializers import CleanCharField, ModelSerializer, Serializer
from faultreporter.attachments.models import Attachment
from locations.business_time import WEEKDAYS
from locations.extensions import Pin, pins_on
from locations.fields import VisibleKeyField
from locations.models import BusinessCalendar, Location


class LocationBriefSerializer(ModelSerializer):
    """A place as other records mention it."""

    site_id = serializers.UUIDField(read_only=True, allow_null=True)

    class Meta:
        model = Location
        fields = ("id", "kind", "code", "name", "floor_level", "latitude", "longitude", "site_id")
        read_only_fields = fields


class LocationSerializer(ModelSerializer):
    parent_id = VisibleKeyField(source="parent", queryset=Location.objects.all(), allow_null=True, required=False)
    site_id = serializers.UUIDField(read_only=True, allow_null=True)
    business_calendar_id = VisibleKeyField(
        source="business_calendar", queryset=BusinessCalendar.objects.all(), allow_null=True, required=False
    )
    floor_plan_id = serializers.UUIDField(read_only=True, allow_null=True)
    geo = serializers.CharField(source="geo_uri", read_only=True, allow_null=True)

    class Meta:
        model = Location
        fields = (
            "id",
            "kind",
            "parent_id",
            "site_id",
            "code",
            "name",
            "description",
            "floor_level",
            "latitude",
            "longitude",
            "geo",
            "address",
            "time_zone",
            "business_calendar_id",
            "open_to_all",
            "floor_plan_id",
            "plan_x",
            "plan_y",
            "created_at",
            "updated_at",
            "deleted_at",
        )
        read_only_fields = ("id", "created_at", "updated_at", "deleted_at")


@extend_schema_serializer(many=False)
class TreeSerializer(serializers.Serializer[Any]):
    """A place with everything below it."""

    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=Location.Kind.choices)
    code = serializers.CharField()
    name = serializers.CharField()
    floor_level = serializers.IntegerField(allow_null=True)

    def get_fields(self) -> dict[str, Any]:
        return {**super().get_fields(), "children": TreeSerializer(many=True)}


class PinSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=["LOCATION", "EQUIPMENT"])
    id = serializers.UUIDField()
    code = serializers.CharField()
    name = serializers.CharField()
    x = serializers.FloatField()
    y = serializers.FloatField()


class FloorPlanSerializer(serializers.Serializer[Location]):
    """The picture of a place seen from above, and what is where on it."""

    location_id = serializers.UUIDField(source="id")
    attachment_id = serializers.UUIDField(source="floor_plan_id", allow_null=True)
    image_url = serializers.SerializerMethodField()
    width = serializers.IntegerField(source="floor_plan.width", default=None, allow_null=True)
    height = serializers.IntegerField(source="floor_plan.height", default=None, allow_null=True)
    pins = serializers.SerializerMethodField()

    def get_image_url(self, location: Location) -> str | None:
        return location.floor_plan.file_path if location.floor_plan else None

    @extend_schema_field(PinSerializer(many=True))
    def get_pins(self, location: Location) -> list[Pin]:
        return pins_on(location)


class PinInputSerializer(Serializer):
    location_id = serializers.UUIDField()
    x = serializers.FloatField(min_value=0, max_value=1, allow_null=True)
    y = serializers.FloatField(min_value=0, max_value=1, allow_null=True)


class FloorPlanInputSerializer(Serializer):
    """What is left out stays as it is. A null `attachment_id` takes the picture away, a pin of nulls that pin."""

    attachment_id = VisibleKeyField(
        source="attachment", queryset=Attachment.objects.filter(kind="IMAGE"), allow_null=True, required=False
    )
    pins = PinInputSerializer(many=True, required=False)


class OpeningsField(serializers.ListField):
    def __init__(self, **kwargs: Any) -> None:
        opening = serializers.ListField(child=CleanCharField(max_length=5), min_length=2, max_length=2)
        super().__init__(child=opening, max_length=24, **kwargs)


class WeeklyHoursSerializer(Serializer):
    """The openings of each weekday, from and to, in the local time of the site. A day left out is closed."""

    def get_fields(self) -> dict[str, Any]:
        return {day: OpeningsField(required=False) for day in WEEKDAYS}


class HolidaySerializer(Serializer):
    date = serializers.DateField()
    name = CleanCharField(max_length=100)
    every_year = serializers.BooleanField(required=False, default=False)


class BusinessCalendarSerializer(ModelSerializer):
    """When people work. `holidays` is the whole list; written, it replaces what was there."""

    weekly_hours = WeeklyHoursSerializer(required=False)
    holidays = HolidaySerializer(many=True, required=False)
    is_around_the_clock = serializers.BooleanField(read_only=True)

    class Meta:
        model = BusinessCalendar
        fields = (
            "id",
            "name",
            "description",
            "weekly_hours",
            "is_around_the_clock",
            "holidays",
            "is_default",
            "created_at",
            "updated_at",
            "deleted_at",
        )
        read_only_fields = ("id", "is_around_the_clock", "created_at", "updated_at", "deleted_at")

    def validate_holidays(self, holidays: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if len({one["date"] for one in holidays}) < len(holidays):
            raise serializers.ValidationError(_("A day is listed twice."))
        return holidays
