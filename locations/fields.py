"""Fields that know who may see what."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.fields import empty
from rest_framework.relations import MANY_RELATION_KWARGS


class VisibleKeysField(serializers.ManyRelatedField):
    """A list of such ids, and nothing but a list."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, list):
            self.fail("not_a_list", input_type=type(data).__name__)
        return super().to_internal_value(data)


@extend_schema_field({"type": "string", "format": "uuid"})
class VisibleKeyField(serializers.PrimaryKeyRelatedField[Any]):
    """The id of a living record in the caller's sight; one out of sight is as unknown as one that never was."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(pk_field=serializers.UUIDField(), **kwargs)

    @classmethod
    def many_init(cls, *args: Any, **kwargs: Any) -> VisibleKeysField:
        options = {name: value for name, value in kwargs.items() if name in MANY_RELATION_KWARGS}
        return VisibleKeysField(child_relation=cls(*args, **kwargs), **options)

    def run_validation(self, data: Any = empty) -> Any:
        if data == "":  # which DRF takes for null
            self.fail("incorrect_type", data_type="str")
        return super().run_validation(data)

    def get_queryset(self) -> Any:
        rows: Any = super().get_queryset()
        request = self.context.get("request")
        if rows is not None and request is not None and hasattr(rows, "for_user"):
            rows = rows.for_user(request.user)
        return rows.living() if hasattr(rows, "living") else rows
