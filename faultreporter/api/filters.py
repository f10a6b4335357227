"""Lists: field filters, search, order, times. What a list doesn't know is refused, never ignored."""

from typing import Any

import django_filters
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q, QuerySet
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_naive
from django.utils.translation import gettext as _
from django_filters.fields import IsoDateTimeField
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework.filters import BaseFilterBackend
from rest_framework.request import Request

from faultreporter.api.text import NO_OFFSET, is_storable, with_plus
from faultreporter.db import as_declared
from faultreporter.errors import ErrorDetail, InvalidParameter

MAX_SEARCH = 200


class ChoicesFilter(django_filters.BaseInFilter, django_filters.ChoiceFilter):
    """An enumeration: one value or a comma list, in any case."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("lookup_expr", "in")
        super().__init__(**kwargs)
        self.extra["null_label"] = None
        self.extra["empty_label"] = None


@extend_schema_field(OpenApiTypes.BOOL)
class BooleanFilter(django_filters.TypedChoiceFilter):
    """`true` or `false`; django-filter's own takes any other word for "either"."""

    def __init__(self, **kwargs: Any) -> None:
        choices = (("true", "true"), ("false", "false"))
        super().__init__(choices=choices, coerce=lambda text: text == "true", **kwargs)


class InstantFormField(IsoDateTimeField):
    def to_python(self, value: Any) -> Any:
        text = with_plus(value.strip()) if isinstance(value, str) else value
        try:
            moment = parse_datetime(text) if text else None
        except ValueError:
            moment = None
        if moment is not None and is_naive(moment):
            raise ValidationError(NO_OFFSET, code="no_offset")
        return super().to_python(text)


class InstantFilter(django_filters.IsoDateTimeFilter):
    """A moment. Which one a time without an offset means only its writer knows, so it is refused."""

    field_class = InstantFormField


class FilterSet(django_filters.FilterSet):
    """Every list: `created_after` (inclusive), `created_before` (exclusive), `updated_since` (inclusive)."""

    base_filters: dict[str, django_filters.Filter]

    created_after = InstantFilter(field_name="created_at", lookup_expr="gte")
    created_before = InstantFilter(field_name="created_at", lookup_expr="lt")
    updated_since = InstantFilter(field_name="updated_at", lookup_expr="gte")

    def __init__(self, data: Any = None, *args: Any, **kwargs: Any) -> None:
        # Those that are asked for: to copy all of them, and to make a form of them, takes longer than to use a few.
        self.base_filters = {name: one for name, one in self.base_filters.items() if name in (data or ())}
        super().__init__(data, *args, **kwargs)


class UpperCaseChoices:
    """Upper-cases the enumeration parameters before the filter form sees them."""

    @staticmethod
    def apply(filterset_class: type[django_filters.FilterSet], data: Any) -> Any:
        names = {name for name, f in filterset_class.base_filters.items() if isinstance(f, ChoicesFilter)}
        if not names.intersection(data):
            return data
        data = data.copy()
        for name in names.intersection(data):
            data[name] = data[name].upper()
        return data


class FilterBackend(DjangoFilterBackend):
    """django-filter, with errors in our envelope."""

    filterset_base = FilterSet

    def get_filterset_kwargs(self, request: Request, queryset: QuerySet[Any], view: Any) -> dict[str, Any]:
        kwargs: dict[str, Any] = super().get_filterset_kwargs(request, queryset, view)
        filterset_class = self.get_filterset_class(view, queryset)
        kwargs["data"] = UpperCaseChoices.apply(filterset_class, kwargs["data"])
        return kwargs

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: Any) -> QuerySet[Any]:
        filterset = self.get_filterset(request, queryset, view)
        if filterset is None:
            return queryset
        if not filterset.is_valid():
            details = [
                ErrorDetail(field, "invalid", str(error))
                for field, errors in filterset.errors.items()
                for error in errors
            ]
            raise InvalidParameter(f"{details[0].field}: {details[0].message}", details=details)
        result: QuerySet[Any] = filterset.qs
        return result


class SearchFilter(BaseFilterBackend):
    """`search`: every word must occur in one of the view's `search_fields`, in any case."""

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: Any) -> QuerySet[Any]:
        text = request.query_params.get("search", "").strip()
        fields = getattr(view, "search_fields", ())
        if not text or not fields:
            return queryset
        if len(text) > MAX_SEARCH or not is_storable(text):
            message = _("search must be at most %(limit)d characters of plain text.") % {"limit": MAX_SEARCH}
            raise InvalidParameter(message, field="search")
        for word in text.split()[:8]:
            queryset = queryset.filter(
                models.Q.create([(f"{field}__icontains", word) for field in fields], connector=Q.OR)
            )
        return queryset

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        if not getattr(view, "search_fields", ()):
            return []
        where = ", ".join(view.search_fields)
        schema = {"type": "string", "maxLength": MAX_SEARCH}
        return [
            {"name": "search", "in": "query", "required": False, "schema": schema, "description": f"Words in {where}."}
        ]


class OrderingFilter(BaseFilterBackend):
    """`ordering=field,-field` among the view's `ordering_fields`; the key makes every order total.

    Enumerations are ordered as they are declared: LOW before HIGH, whatever their letters.
    """

    def filter_queryset(self, request: Request, queryset: QuerySet[Any], view: Any) -> QuerySet[Any]:
        allowed = getattr(view, "ordering_fields", ())
        asked = [part.strip() for part in request.query_params.get("ordering", "").split(",") if part.strip()]
        unknown = [part for part in asked if part.removeprefix("-") not in allowed]
        if unknown:
            message = _("This list can be ordered by %(allowed)s; %(unknown)s is not among them.")
            raise InvalidParameter(message % {"allowed": ", ".join(allowed), "unknown": unknown[0]}, field="ordering")
        order = asked or list(view.ordering)
        if not any(part.removeprefix("-") in {"id", "pk"} for part in order):
            order.append("-id" if order[0].startswith("-") else "id")
        return queryset.order_by(*(self.by(queryset.model, part) for part in order))

    @staticmethod
    def by(model: type[models.Model], part: str) -> Any:
        """What to order by: an enumeration as it is declared, everything else by its value."""
        name = part.removeprefix("-")
        field = next((one for one in model._meta.concrete_fields if one.name == name), None)
        if field is None or not field.choices:
            return part
        rank = as_declared(name, [value for value, _label in field.flatchoices])
        return rank.desc() if part.startswith("-") else rank.asc()

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        allowed = [sign + name for name in getattr(view, "ordering_fields", ()) for sign in ("", "-")]
        if not allowed:
            return []
        schema = {"type": "array", "items": {"type": "string", "enum": allowed}}
        default = ", ".join(view.ordering)
        description = f"Comma list; a leading minus turns the order round. Default: {default}."
        common = {"name": "ordering", "in": "query", "required": False, "style": "form", "explode": False}
        return [{**common, "schema": schema, "description": description}]
