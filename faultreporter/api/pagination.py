"""Pages with an exact count for people, cursors for logs and readings."""

import base64
import binascii
from typing import Any

import orjson
from django.conf import settings
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response

from faultreporter.errors import InvalidParameter

MAX_PAGE = 1_000_000


def whole_number(request: Request, name: str, *, default: int, least: int, most: int) -> int:
    """The query parameter `name`, or INVALID_PARAMETER that says which numbers are possible."""
    text = request.query_params.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 20 and least <= int(text) <= most):
        message = _("%(name)s must be a whole number from %(least)d to %(most)d.")
        raise InvalidParameter(message % {"name": name, "least": least, "most": most}, field=name)
    return int(text)


class PagePagination(BasePagination):
    """`page` and `page_size`; the answer says how many there are. A page past the end is empty, not an error."""

    page_query_param = "page"

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        if not queryset.ordered:
            raise TypeError(f"{queryset.model.__name__} is paged without an order; pages would overlap")
        most = settings.MAX_PAGE_SIZE
        self.page = whole_number(request, "page", default=1, least=1, most=MAX_PAGE)
        self.page_size = whole_number(request, "page_size", default=settings.DEFAULT_PAGE_SIZE, least=1, most=most)
        start = (self.page - 1) * self.page_size
        found = list(self.sought(queryset)[start : start + self.page_size])
        # A short page that isn't past the end tells the total by itself; anything else needs the count.
        known = found or self.page == 1
        self.total = start + len(found) if known and len(found) < self.page_size else self.count(queryset)
        return self.rows(queryset, found)

    def sought(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """What a page is cut out of."""
        return queryset

    def rows(self, queryset: QuerySet[Any], found: list[Any]) -> list[Any]:
        """The page's rows, from what was cut out."""
        return found

    @staticmethod
    def count(queryset: QuerySet[Any]) -> int:
        return queryset.order_by().count()

    def get_paginated_response(self, data: Any) -> Response:
        pages = -(-self.total // self.page_size)
        response = Response(data)
        response.pagination = {  # type: ignore[attr-defined]
            "page": self.page,
            "page_size": self.page_size,
            "total_pages": pages,
            "total_count": self.total,
            "has_next": self.page < pages,
            "has_previous": self.page > 1,
        }
        return response


class KeyedPagination(PagePagination):
    """For rows with much joined to them: the keys of a page first, then its rows by their keys.

    One statement for both would join every row of the pages before, sort whole rows where no index has their order,
    and take longer to plan than to run.
    """

    def sought(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.values_list("pk", flat=True)

    def rows(self, queryset: QuerySet[Any], found: list[Any]) -> list[Any]:
        by_key = queryset.order_by().in_bulk(found)
        return [by_key[key] for key in found if key in by_key]  # one may have left the list meanwhile


def encode_cursor(position: list[Any]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(position)).rstrip(b"=").decode()


def decode_cursor(text: str, length: int) -> list[Any]:
    """The position in a cursor that we made ourselves; anything else is INVALID_PARAMETER."""
    try:
        position = orjson.loads(base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4)))
        if isinstance(position, list) and len(position) == length:
            return position
    except (ValueError, binascii.Error, UnicodeEncodeError):
        pass
    raise InvalidParameter(_("The cursor is not one this list has given; start again without it."), field="cursor")


def cursor_response(data: list[Any], *, next_cursor: str | None) -> Response:
    response = Response(data)
    response.pagination = {"next_cursor": next_cursor, "has_more": next_cursor is not None}  # type: ignore[attr-defined]
    return response
