"""What alerts add to what is said of a machine."""

from typing import Any

from django.db.models import Exists, OuterRef
from rest_framework import serializers

from alerts.models import Alert
from equipment.extensions import register_detail_field, register_filter
from equipment.models import Equipment
from faultreporter.api.filters import BooleanFilter


def alert_count(machine: Equipment) -> int:
    return Alert.objects.living().unresolved().filter(equipment=machine).count()


class HasOpenAlertsFilter(BooleanFilter):
    def filter(self, qs: Any, value: Any) -> Any:
        if value in (None, ""):
            return qs
        has_open = Exists(Alert.objects.living().unresolved().filter(equipment=OuterRef("pk")))
        return qs.filter(has_open if value else ~has_open)


register_detail_field("alert_count", serializers.IntegerField(help_text="Alerts that are not resolved."), alert_count)
register_filter("has_open_alerts", HasOpenAlertsFilter())
