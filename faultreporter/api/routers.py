"""Addresses without a trailing slash, kebab-case, ids that are UUIDs or nothing."""

from rest_framework.routers import SimpleRouter


class Router(SimpleRouter):
    def __init__(self) -> None:
        super().__init__(trailing_slash=False)
