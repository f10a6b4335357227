"""What is left behind for Python's garbage collector."""

import gc
import json
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.test import RequestFactory
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from faultreporter.accounts.models import ApiToken, User

URL = "/api/v1/equipment"
BODY = {"equipment_code": "CH-1", "equipment_name": "Chiller 1"}

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("method", "body", "headers", "status"),
    [
        ("GET", None, {}, 200),
        ("POST", BODY, {}, 201),
        ("POST", BODY, {"Idempotency-Key": "abc"}, 201),
        ("POST", {}, {"Idempotency-Key": "abc"}, 400),
        ("POST", {}, {}, 400),
        ("PUT", {}, {}, 405),
    ],
)
def test_nothing_of_an_answer_waits_for_the_garbage_collector(
    mona: User, method: str, body: Any, headers: dict[str, str], status: int
) -> None:
    server = WSGIHandler()
    server.load_middleware()
    _token, plain = ApiToken.issue(user=mona, name="Dashboard")
    asked = RequestFactory(headers={"Authorization": f"Bearer {plain}", **headers})

    def held() -> list[str]:
        kinds = (APIView, Request, Response)
        return sorted(type(one).__name__ for one in gc.get_objects() if issubclass(type(one), kinds) and vars(one))

    gc.collect()
    gc.disable()
    try:
        before = held()
        request = asked.generic(method, URL, json.dumps(body) if body is not None else "", "application/json")
        answered = server.get_response(request).status_code
        assert (answered, held()) == (status, before)
    finally:
        gc.enable()
