"""`/api/v1/openapi.json`, `/docs`, `/redoc`: generated, served from our own host only."""

from functools import cache
from threading import Lock

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_cache_control
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator

from faultreporter.api.renderers import to_json

generating = Lock()


def document() -> bytes:
    """The document is the same for everybody and for the life of the process."""
    # drf-spectacular loads its extensions with the first document, and falls over a second thread that does so too.
    with generating:
        return generated()


@cache
def generated() -> bytes:
    return to_json(SchemaGenerator().get_schema(request=None, public=True))


@require_safe
def openapi(request: HttpRequest) -> HttpResponse:
    response = HttpResponse(document(), content_type="application/json")
    patch_cache_control(response, max_age=300, public=True)
    return response


def documentation_page(request: HttpRequest, template: str) -> HttpResponse:
    response = render(request, template)
    # Both viewers style their elements from script; neither runs inline script.
    response._csp_update = {  # type: ignore[attr-defined]
        "style-src": ["'self'", "'unsafe-inline'"],
        "worker-src": ["'self'", "blob:"],
    }
    return response


@require_safe
def swagger(request: HttpRequest) -> HttpResponse:
    return documentation_page(request, "docs/swagger.html")


@require_safe
def redoc(request: HttpRequest) -> HttpResponse:
    return documentation_page(request, "docs/redoc.html")
