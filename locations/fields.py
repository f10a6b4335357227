"""Fields that know who may see what."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers


@extend_schema_field({"type": "string", "format": "uuid"})
class VisibleKeyField(serializers.PrimaryKeyRelatedField[Any]):
    """The id of a living record in the caller's sight; one out of sight is as unknown as one that never was."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(pk_field=serializers.UUIDField(), **kwargs)

    def get_queryset(self) -> Any:
        rows: Any = super().get_queryset()
        request = self.context.get("request")
        if rows is not None and request is not None and hasattr(rows, "for_user"):
            rows = rows.for_user(request.user)
        return rows.living() if hasattr(rows, "living") else rows
