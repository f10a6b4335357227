from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from telemetry.models import Metric


@extend_schema_field({"type": "number", "format": "double"})
class NumberField(serializers.Field[float, Any, float, Any]):
    """A number; text that looks like one isn't one. The parser has refused what isn't finite."""

    default_error_messages = {"invalid": _("Send a number.")}

    def to_internal_value(self, data: Any) -> float:
        if type(data) not in (int, float):
            self.fail("invalid")
        return float(data)

    def to_representation(self, value: float) -> float:
        return value


class MetricCodeField(serializers.SlugRelatedField[Metric]):
    """A metric by its code."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(slug_field="code", queryset=Metric.objects.all(), **kwargs)

    def get_queryset(self) -> Any:
        return Metric.objects.living()

    def to_internal_value(self, data: Any) -> Metric:
        if not isinstance(data, str) or "\0" in data:
            self.fail("invalid")
        return super().to_internal_value(data)
