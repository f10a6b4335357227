from functools import cache
from zoneinfo import available_timezones

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

time_zones = cache(available_timezones)


def validate_time_zone(value: str) -> None:
    """A name of the IANA time zone database, such as Europe/Vienna."""
    if value not in time_zones():
        raise ValidationError(_("%(value)s isn't a time zone."), code="time_zone", params={"value": value})
