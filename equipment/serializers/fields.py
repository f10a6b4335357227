"""Fields that more than one resource uses."""

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from faultreporter.api.serializers import CleanCharField, InstantField

MAX_AGE = timedelta(days=7)
MAX_SKEW = timedelta(minutes=5)
MAX_NUMBER = 2**63


class OccurredAtField(InstantField):
    """When it happened, if not now: a phone that was offline reports up to a week late, and its clock may be fast."""

    default_error_messages = {
        "too_old": _("That is more than 7 days ago."),
        "future": _("That is in the future."),
    }

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"required": False, **kwargs})

    def to_internal_value(self, value: Any) -> datetime:
        at: datetime = super().to_internal_value(value)
        now = timezone.now()
        if at < now - MAX_AGE:
            self.fail("too_old")
        if at > now + MAX_SKEW:
            self.fail("future")
        return min(at, now)


class OptionalTextField(CleanCharField):
    """Text that may be missing: null on the wire, empty in the database."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"required": False, "allow_null": True, "allow_blank": True, **kwargs})

    def run_validation(self, data: Any = serializers.empty) -> Any:
        value = super().run_validation(data)
        return "" if value is None else value

    def to_representation(self, value: Any) -> Any:
        return value or None


@extend_schema_field({"type": "object", "additionalProperties": {}})
class ObjectField(serializers.JSONField):
    """Any JSON object."""

    default_error_messages = {
        "not_an_object": _("A JSON object is needed."),
        "too_large": _("A number is beyond 64 bits; write it as text."),
    }

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        value = super().to_internal_value(data)
        if not isinstance(value, dict):
            self.fail("not_an_object")
        if has_huge_number(value):
            self.fail("too_large")
        return value


def has_huge_number(value: Any) -> bool:
    """PostgreSQL gives 1e300 back as an integer of 301 digits, which no JSON reader takes."""
    if isinstance(value, dict | list):
        return any(has_huge_number(item) for item in (value.values() if isinstance(value, dict) else value))
    return isinstance(value, int | float) and not abs(value) < MAX_NUMBER
