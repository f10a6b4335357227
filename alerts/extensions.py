"""Where the apps above add to what is said of an alert. They call this in AppConfig.ready()."""

from collections.abc import Callable
from typing import Any

from drf_spectacular.drainage import set_override
from rest_framework import serializers

from alerts.models import Alert


class LoadedField(serializers.Field[Any, Any, Any, Any]):
    """`load` finds plain JSON-ready values with at most one query; `shape` describes them in the OpenAPI document."""

    def __init__(self, shape: serializers.Field[Any, Any, Any, Any], load: Callable[[Alert], Any]) -> None:
        super().__init__(source="*", read_only=True)
        self.load = load
        set_override(self, "field", shape)

    def to_representation(self, value: Alert) -> Any:
        return self.load(value)


detail_fields: dict[str, tuple[serializers.Field[Any, Any, Any, Any], Callable[[Alert], Any]]] = {}


def register_detail_field(
    name: str, shape: serializers.Field[Any, Any, Any, Any], load: Callable[[Alert], Any]
) -> None:
    """One more field of GET /alerts/{id}."""
    detail_fields[name] = (shape, load)
