"""Where the apps above add to what is said of a machine. They call these in AppConfig.ready()."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import django_filters
from rest_framework import serializers

from equipment.filters import EquipmentFilter, PlacedEquipmentFilter
from equipment.models import Equipment


@dataclass(frozen=True, slots=True)
class DetailField:
    """`field` describes the value in the OpenAPI document, `load` finds it with at most one query."""

    field: serializers.Field[Any, Any, Any, Any]
    load: Callable[[Equipment], Any]


detail_fields: dict[str, DetailField] = {}


def register_detail_field(
    name: str, field: serializers.Field[Any, Any, Any, Any], load: Callable[[Equipment], Any]
) -> None:
    """One more field of GET /equipment/{id}. `load` returns plain JSON-ready values, not model instances."""
    detail_fields[name] = DetailField(field, load)


def register_filter(name: str, filter_: django_filters.Filter) -> None:
    """One more parameter of GET /equipment and GET /locations/{id}/equipment."""
    for filterset in (PlacedEquipmentFilter, EquipmentFilter):
        filterset.base_filters[name] = filter_
