"""Fixtures for every app's tests: the people of the product, a client for each, and one way to look at errors."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.db.models.signals import post_migrate
from rest_framework.test import APIClient

from faultreporter import redis
from faultreporter.accounts.models import User
from faultreporter.audit.testing import permit_truncate
from faultreporter.roles import Role


def make_person(name: str, role: Role, **fields: Any) -> User:
    email = f"{name.lower()}@example.org"
    return User.objects.create(email=email, display_name=name, role=role, email_verified=True, **fields)


@pytest.fixture
def tess(db: None) -> User:
    """The technician."""
    return make_person("Tess", Role.TECHNICIAN)


@pytest.fixture
def rita(db: None) -> User:
    """The reporter: any signed-in person."""
    return make_person("Rita", Role.REPORTER)


@pytest.fixture
def mona(db: None) -> User:
    """The maintenance manager."""
    return make_person("Mona", Role.MANAGER)


@pytest.fixture
def adam(db: None) -> User:
    """The administrator."""
    return make_person("Adam", Role.ADMIN)


@pytest.fixture
def olga(db: None) -> User:
    """The outsider: a technician who belongs to no restricted site."""
    return make_person("Olga", Role.TECHNICIAN)


@pytest.fixture
def api() -> Callable[[User | None], APIClient]:
    """A client that is signed in as somebody: `api(tess).get(...)`; `api(None)` is a stranger."""

    def client(user: User | None) -> APIClient:
        made = APIClient(raise_request_exception=True)
        if user is not None:
            made.force_authenticate(user)
        return made

    return client


@pytest.fixture
def backoffice(client: Any) -> Callable[[User], Any]:
    """A browser that is signed in to the admin as somebody."""

    def browser(user: User) -> Any:
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return browser


@pytest.fixture(autouse=True)
def generous_rate_limit(settings: Any) -> None:
    """Tests of the limit set their own; the others must not meet it."""
    settings.RATE_LIMIT_PER_MINUTE = settings.RATE_LIMIT_ANONYMOUS_PER_MINUTE = 1_000_000


@pytest.fixture(autouse=True)
def media_in_a_temporary_folder(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.STATE_DIR = tmp_path


@pytest.fixture
def clean_redis() -> Iterator[Any]:
    """Redis without leftovers of this test's keys."""
    connection = redis.connection()
    connection.flushdb()
    yield connection
    connection.flushdb()


def assert_error(response: Any, status: int, code: str, field: str | None = None) -> dict[str, Any]:
    """The answer is this error, in the envelope; returns the error for closer looks."""
    body = response.json()
    assert (response.status_code, body["error"]["code"]) == (status, code), body
    assert body["success"] is False
    if field is not None:
        assert field in [detail["field"] for detail in body["error"]["details"]], body
    error: dict[str, Any] = body["error"]
    return error


def somebody_waits_for_a_lock() -> bool:
    """In this test's own database: other tests run in other ones of the same server."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks WHERE NOT granted AND pid IN"
            " (SELECT pid FROM pg_locks JOIN pg_database ON oid = database WHERE datname = current_database())"
        )
        return bool(cursor.fetchone()[0])


def own_redis_database(url: str) -> str:
    """Each worker process of the tests has a Redis database of its own, so that one may flush it."""
    number = 1 + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    return f"{url.partition('?')[0]}?db={number}"


def pytest_configure() -> None:
    settings.REDIS_URL = own_redis_database(settings.REDIS_URL)
    post_migrate.connect(permit_truncate)
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
