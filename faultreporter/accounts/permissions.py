"""What a role may do, as a list that apps on a phone can read: `equipment.create`, `work_order.assign`."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

from faultreporter.api.viewsets import GenericViewSet


def viewsets(resolver: URLResolver | None = None) -> Iterator[type[GenericViewSet]]:
    """Every collection that has an address."""
    for pattern in (resolver or get_resolver()).url_patterns:
        if isinstance(pattern, URLResolver):
            yield from viewsets(pattern)
        elif issubclass(made := view_class(pattern), GenericViewSet):
            yield made


def view_class(pattern: URLPattern) -> type[Any]:
    return getattr(pattern.callback, "cls", object)


@cache
def permissions_of(role: str) -> tuple[str, ...]:
    """The actions this role may call, some only on records that concern the caller."""
    return tuple(
        sorted(
            {
                f"{snake_case(viewset.resource)}.{action}"
                for viewset in viewsets()
                for action, rule in viewset.permissions.items()
                if rule.admits(role)
            }
        )
    )


def snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
