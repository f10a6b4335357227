"""Serializers that refuse what they don't know and leave uniqueness to the database."""

import copy
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any, ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail
from rest_framework.utils import html
from rest_framework.validators import UniqueValidator

from faultreporter.api.text import NO_OFFSET, refuse_unstorable_text
from faultreporter.db import is_on_calendar


class UpperChoiceField(serializers.ChoiceField):
    """An enumeration that people and scripts may write in any case."""

    def to_internal_value(self, data: Any) -> Any:
        return super().to_internal_value(data.upper() if isinstance(data, str) else data)


class CleanCharField(serializers.CharField):
    """Text that PostgreSQL can store: no NUL, no lone surrogate. Only a string is text."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        refuse_unstorable_text(data)
        return str(super().to_internal_value(data))


class InstantField(serializers.DateTimeField):
    """A moment. Which one a time without an offset means only its writer knows, so it is refused."""

    default_error_messages = {"no_offset": NO_OFFSET}

    def bind(self, field_name: str, parent: Any) -> None:
        super().bind(field_name, parent)
        self.timezone = timezone.get_current_timezone()  # else it is asked anew for every moment of every row

    def enforce_timezone(self, value: datetime) -> datetime:
        if timezone.is_naive(value):
            self.fail("no_offset")
        return super().enforce_timezone(value)


def has_json_type(field: serializers.Field[Any, Any, Any, Any], value: Any) -> bool:
    """Whether JSON's own type is the field's: "true" is no boolean, "nan" no number, and 1 is not true."""
    if value is None:
        return True  # the field itself knows whether it may be null
    if isinstance(field, serializers.BooleanField):
        return isinstance(value, bool)
    if isinstance(field, serializers.IntegerField | serializers.FloatField):
        return isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(field, serializers.DecimalField):
        return isinstance(value, str | int | float) and not isinstance(value, bool)
    return isinstance(value, str) or not isinstance(field, serializers.CharField)


class RefuseUnknownFields:
    """A field nobody knows is a mistake of the caller, and silence would hide it; so is a value of another type."""

    def to_internal_value(self, data: Any) -> Any:
        if self.parent is not None and getattr(self.root, "partial", False):  # type: ignore[attr-defined]
            # A record is changed by parts, but what lies in one of its fields comes whole.
            whole = copy.deepcopy(self)
            whole._context = self.context  # type: ignore[attr-defined]
            return whole.to_internal_value(data)
        if isinstance(data, Mapping) and not html.is_html_input(data):
            writable = {name: field for name, field in self.fields.items() if not field.read_only}  # type: ignore[attr-defined]
            read_only = set(self.fields) - set(writable)  # type: ignore[attr-defined]
            wrong = {
                name: [ErrorDetail(self.why_not(name, read_only), code="unknown_field")]
                for name in data
                if name not in writable
            }
            wrong |= {
                name: [ErrorDetail(_("The value has the wrong type."), code="wrong_type")]
                for name, value in data.items()
                if name in writable and not has_json_type(writable[name], value)
            }
            if wrong:
                raise serializers.ValidationError(wrong)
        checked: dict[str, Any] = super().to_internal_value(data)  # type: ignore[misc]
        if far := [one.field_name for one in self._writable_fields if not is_on_calendar(checked.get(one.source))]:  # type: ignore[attr-defined]
            problem = ErrorDetail(_("Write a time of the years 100 to 2199."), code="overflow")
            raise serializers.ValidationError({name: [problem] for name in far})
        return checked

    @staticmethod
    def why_not(name: str, read_only: set[str]) -> str:
        if name in read_only:
            return _("This field can't be written; leave it out.")
        return _("There is no such field.")


class Serializer(RefuseUnknownFields, serializers.Serializer[Any]):
    """For bodies that aren't a record: the fields of a transition, of a bulk call."""


class ModelSerializer(RefuseUnknownFields, serializers.ModelSerializer[Any]):
    """For records. `Meta.expandable` maps a name to the serializer that `?expand=name` puts there."""

    serializer_choice_field: ClassVar[type[serializers.Field[Any, Any, Any, Any]]] = UpperChoiceField
    serializer_field_mapping = {
        **serializers.ModelSerializer.serializer_field_mapping,
        models.CharField: CleanCharField,
        models.TextField: CleanCharField,
        models.DateTimeField: InstantField,
    }

    def get_fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = super().get_fields()
        expandable = getattr(self.Meta, "expandable", {})
        for name in self.context.get("expand", ()):
            if name in expandable:
                fields[name] = expandable[name](read_only=True)
        return fields

    def build_standard_field(self, field_name: str, model_field: Any) -> Any:
        field_class, kwargs = self.standard_field(field_name, model_field)
        # What an array's column holds is a field, too, and each belongs to one list.
        return field_class, {name: copy.deepcopy(value) if name == "child" else value for name, value in kwargs.items()}

    @classmethod
    @cache
    def standard_field(cls, field_name: str, model_field: Any) -> Any:
        """What a column is on the wire, worked out once: every request makes its serializers anew."""
        field_class, kwargs = super().build_standard_field(cls(), field_name, model_field)
        kwargs["validators"] = [v for v in kwargs.get("validators", []) if not isinstance(v, UniqueValidator)]
        if not kwargs["validators"]:
            kwargs.pop("validators")
        return field_class, kwargs

    def include_extra_kwargs(self, kwargs: Any, extra_kwargs: Any) -> Any:
        """An enumeration that may be blank says so where it is only read, too."""
        is_blank_choice = kwargs.get("allow_blank") and "choices" in kwargs
        kwargs = super().include_extra_kwargs(kwargs, extra_kwargs)
        return {**kwargs, "allow_blank": True} if is_blank_choice else kwargs

    def build_relational_field(self, field_name: str, relation_info: Any) -> Any:
        field_class, kwargs = super().build_relational_field(field_name, relation_info)
        kwargs.pop("validators", None)
        return field_class, kwargs

    def get_unique_together_constraints(self, model: Any) -> Any:
        """None: a check before the write races, the constraint itself answers 409 DUPLICATE."""
        return iter(())

    def get_unique_together_validators(self) -> list[Any]:
        return []

    def get_unique_for_date_validators(self) -> list[Any]:
        return []
