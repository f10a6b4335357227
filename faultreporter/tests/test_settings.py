"""What the environment may say, and what production refuses to start with."""

import gzip
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import structlog
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from faultreporter.celery import app as celery
from faultreporter.logging import configure, hide_secrets
from faultreporter.settings import BASE_DIR, INSECURE_SECRET_KEY, Environment, database_from_url, is_local_stack

SAFE = {
    "ENVIRONMENT": "production",
    "SECRET_KEY": "kD3vQ8-fN1xW5_zR7tY2uB9pL4mC6hJ0sGaEoIeU",
    "DATABASE_URL": "postgresql+asyncpg://app:s3cr3t-word@db.example:5432/faults",
    "REDIS_URL": "redis://:s3cr3t-word@broker.example:6379/0",
    "ALLOWED_HOSTS": '["faults.example"]',
}
HEAVY = {"firebase_admin", "openai", "google.genai", "boto3", "sentry_sdk", "reportlab"}
WOKEN_THROUGH_THE_OUTBOX = {
    "faultreporter.live.tasks.send",
    "aiassist.tasks.read_manual",
    "aiassist.tasks.run_analysis",
    "alerts.tasks.advance_escalation",
    "analytics.tasks.recalculate_equipment",
    "faultreporter.webhooks.tasks.deliver",
    "telemetry.tasks.evaluate_rule",
    "telemetry.tasks.readings_arrived",
}


def start(*arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """A process of the product with these variables and no others, and without a .env."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    told = {"DJANGO_SETTINGS_MODULE": "faultreporter.settings", "ENV_FILE": "no-such-file", **inherited, **variables}
    return subprocess.run(
        [sys.executable, *arguments], cwd=BASE_DIR, env=told, capture_output=True, text=True, timeout=60, check=False
    )


def set_up(**variables: str) -> "subprocess.CompletedProcess[str]":
    return start("-c", "import django; django.setup()", **variables)


class TestProduction:
    def test_it_starts_with_safe_settings_and_nothing_heavy(self, tmp_path: Path) -> None:
        script = "import sys, django; django.setup(); print(*sys.modules)"

        started = start("-c", script, **SAFE, STATE_DIR=str(tmp_path))

        assert started.returncode == 0, started.stderr
        assert not HEAVY & set(started.stdout.split())

    def test_its_checks_find_nothing(self, tmp_path: Path) -> None:
        checked = start("manage.py", "check", "--fail-level", "WARNING", **SAFE, STATE_DIR=str(tmp_path))

        assert checked.returncode == 0, checked.stderr

    @pytest.mark.parametrize(
        ("variable", "value", "sentence"),
        [
            ("DEBUG", "true", "DEBUG is on: it shows source code"),
            ("SECRET_KEY", INSECURE_SECRET_KEY, "SECRET_KEY is the default or shorter than 32 characters"),
            ("SECRET_KEY", "", "SECRET_KEY is the default or shorter than 32 characters"),
            ("SECRET_KEY", "short", "SECRET_KEY is the default or shorter than 32 characters"),
            ("FIREBASE_AUTH_EMULATOR_HOST", "127.0.0.1:9099", "FIREBASE_AUTH_EMULATOR_HOST is set: forged tokens"),
            ("EMBEDDED_SERVERS", "true", "EMBEDDED_SERVERS is on, or a socket lies in a temporary directory"),
            ("DATABASE_URL", "postgresql://f@/f?host=/tmp/fr-1", "EMBEDDED_SERVERS is on, or a socket lies in"),
            ("ALLOWED_HOSTS", '["*"]', "ALLOWED_HOSTS contains *: name the hosts"),
        ],
    )
    def test_it_refuses_each_unsafe_value_with_its_sentence(self, variable: str, value: str, sentence: str) -> None:
        refused = set_up(**{**SAFE, variable: value})

        assert refused.returncode != 0
        assert f"Refusing to start in production. {sentence}" in refused.stderr

    def test_it_reads_the_file_too(self, tmp_path: Path) -> None:
        file = tmp_path / "production.env"
        file.write_text("\n".join(f"{name}={value}" for name, value in {**SAFE, "DEBUG": "true"}.items()))

        refused = set_up(ENV_FILE=str(file))

        assert "Refusing to start in production. DEBUG is on" in refused.stderr

    def test_a_refusal_tells_no_secrets(self) -> None:
        refused = set_up(**{**SAFE, "DEBUG": "true"})

        assert "s3cr3t-word" not in refused.stderr
        assert SAFE["SECRET_KEY"] not in refused.stderr

    def test_a_developers_machine_may_do_all_that(self, tmp_path: Path) -> None:
        started = set_up(DEBUG="true", EMBEDDED_SERVERS="true", ALLOWED_HOSTS='["*"]', STATE_DIR=str(tmp_path))

        assert started.returncode == 0, started.stderr


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("ALLOWED_HOSTS", "localhost", 'for field "ALLOWED_HOSTS"'),
        ("DATABASE_POOL_SIZE", "0", "DATABASE_POOL_SIZE: Input should be greater than or equal to 1"),
        ("LOG_LEVEL", "LOUD", "LOG_LEVEL: Input should be"),
        ("DATABASE_URL", "mysql://root@localhost/faults", "DATABASE_URL must start with postgresql://"),
    ],
)
def test_a_value_that_cant_be_used_is_named(variable: str, value: str, sentence: str) -> None:
    refused = set_up(**{variable: value})

    assert refused.returncode != 0
    assert sentence in refused.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("database", "broker", "ours"),
    [
        ("postgresql://app@db.example/app", "redis://broker.example/0", False),
        ("postgresql://app@/app?host=/run/postgresql", "unix:///run/valkey/valkey.sock?db=0", False),
        ("postgresql://app@/app?host=/tmp", "unix:///tmp/valkey.sock?db=0", False),
        ("postgresql://app@/app?host=/tmp/fr-x1", "redis://broker.example/0", True),
        ("postgresql://app@db.example/app", "unix:///var/tmp/fr-x1/valkey.sock?db=0", True),
    ],
)
def test_the_local_stack_is_known_by_its_sockets(database: str, broker: str, ours: bool) -> None:
    env = Environment.model_construct(DATABASE_URL=database, REDIS_URL=broker, EMBEDDED_SERVERS=False)

    assert is_local_stack(env) is ours


class TestDatabaseUrl:
    def test_it_works(self) -> None:
        assert database_from_url("postgresql://app:word@db.example:5433/faults") == {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": "faults",
            "USER": "app",
            "PASSWORD": "word",
            "HOST": "db.example",
            "PORT": "5433",
            "OPTIONS": {},
        }

    @pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+asyncpg", "postgresql+psycopg"])
    def test_the_driver_is_ours(self, scheme: str) -> None:
        plain = database_from_url("postgresql://app:word@db.example/faults")

        assert database_from_url(f"{scheme}://app:word@db.example/faults") == plain

    def test_signs_in_a_password_are_percent_encoded(self) -> None:
        found = database_from_url("postgresql://app%40site:p%40s%2Fs%3Aw%25@db.example/fault%20reports")

        assert (found["USER"], found["PASSWORD"], found["NAME"]) == ("app@site", "p@s/s:w%", "fault reports")

    def test_a_socket(self) -> None:
        found = database_from_url("postgresql://app@/faults?host=%2Frun%2Fpostgresql&port=5433")

        assert (found["HOST"], found["PORT"], found["OPTIONS"]) == ("/run/postgresql", "5433", {})

    def test_the_rest_of_the_query_goes_to_libpq(self) -> None:
        found = database_from_url("postgresql://app@db.example/faults?sslmode=verify-full&application_name=faults")

        assert found["OPTIONS"] == {"sslmode": "verify-full", "application_name": "faults"}

    def test_an_address_of_version_6(self) -> None:
        assert database_from_url("postgresql://app@[::1]:5433/faults")["HOST"] == "::1"

    @pytest.mark.parametrize("url", ["mysql://root@localhost/faults", "sqlite:///faults.db", "faults", ""])
    def test_another_database_is_refused(self, url: str) -> None:
        with pytest.raises(ImproperlyConfigured, match="must start with postgresql://"):
            database_from_url(url)


def test_every_task_is_woken_by_beat_or_through_the_outbox() -> None:
    celery.loader.import_default_modules()
    ours = {name for name in celery.tasks if not name.startswith("celery.")}

    scheduled = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}

    assert scheduled == ours - WOKEN_THROUGH_THE_OUTBOX


class TestLogs:
    @pytest.mark.parametrize(
        "name", ["password", "Authorization", "X-Device-Key", "api_key", "client_secret", "set-cookie", "refreshToken"]
    )
    def test_values_under_telling_names_are_hidden(self, name: str) -> None:
        assert hide_secrets(None, "", {name: "anything", "deeper": [{name: 1}]}) == {
            name: "***",
            "deeper": [{name: "***"}],
        }

    @pytest.mark.parametrize(
        ("text", "hidden"),
        [
            ("Bearer frt_Zm9vYmFyYmF6", "Bearer frt_***"),
            ("key frd_Zm9vYmFyYmF6 refused", "key frd_*** refused"),
            ("token eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "token eyJ***"),
            ("no connection to redis://:word@broker.example:6379/0", "no connection to redis://:***@broker.example:6379/0"),
            ("postgresql://app:p%40ss@db.example/faults", "postgresql://app:***@db.example/faults"),
            ("Incorrect API key provided: sk-proj-0123456789abcdef", "Incorrect API key provided: sk-***"),
        ],
    )  # fmt: skip
    def test_secrets_inside_texts_are_hidden(self, text: str, hidden: str) -> None:
        assert hide_secrets(None, "", {"event": text, "list": (text,)}) == {"event": hidden, "list": [hidden]}

    def test_everything_else_stays(self) -> None:
        event = {"event": "request", "path": "/api/v1/equipment?search=a:b@c", "ms": 1.5, "ids": [1, 2], "none": None}

        assert hide_secrets(None, "", dict(event)) == event

    @pytest.fixture
    def json_logs(self) -> Iterator[None]:
        root = logging.getLogger()
        before = root.handlers, root.level
        configure({"level": "INFO", "json": True})
        yield
        root.handlers, root.level = before

    @pytest.mark.usefixtures("json_logs")
    def test_both_kinds_of_logger_write_json_without_secrets(self, capfd: pytest.CaptureFixture[str]) -> None:
        configure({"level": "INFO", "json": True})  # once more, now that standard error is watched
        try:
            raise ValueError("frt_Zm9vYmFyYmF6 is no UUID")
        except ValueError:
            logging.getLogger("somewhere").exception("could not use %s", "frt_Zm9vYmFyYmF6")
        structlog.get_logger("elsewhere").info("called", headers={"Authorization": "Bearer frt_Zm9vYmFyYmF6"})

        lines = capfd.readouterr().err.splitlines()

        assert [json.loads(line)["event"] for line in lines] == ["could not use frt_***", "called"]
        assert "ValueError: frt_*** is no UUID" in json.loads(lines[0])["exception"]
        assert "Zm9v" not in "".join(lines)


class ErrorCollector(BaseHTTPRequestHandler):
    """As much of Sentry as it takes to see what would arrive there."""

    received: list[str]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.received.append((gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body).decode())
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        """Silence."""


CRASH = """
import sys
from django.core.wsgi import get_wsgi_application
application = get_wsgi_application()

import sentry_sdk
from django.conf import settings
from django.test import RequestFactory
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

@csrf_exempt
def crash(request):
    plain = request.headers["X-Device-Key"]
    raise RuntimeError("the view broke")

urlpatterns = [path("crash", crash)]
settings.ROOT_URLCONF = "__main__"
headers = {"X-Device-Key": "frd_Zm9vYmFyYmF6", "Authorization": "Bearer frt_Zm9vYmFyYmF6", "Cookie": "a=Zm9vYmF"}
request = RequestFactory().post("/crash?page=2", {"title": "Zm9vYmFyYmF6"}, headers=headers)
list(application(request.environ, lambda *answer: None))
sentry_sdk.flush(5)
print(*sys.modules)
"""


def test_errors_go_to_sentry_without_credentials(tmp_path: Path) -> None:
    handler = type("Collector", (ErrorCollector,), {"received": []})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        dsn = f"http://public@127.0.0.1:{server.server_port}/1"
        crashed = start("-c", CRASH, SENTRY_DSN=dsn, STATE_DIR=str(tmp_path), ALLOWED_HOSTS='["testserver"]')
        server.shutdown()

    assert crashed.returncode == 0, crashed.stderr
    received = "".join(handler.received)  # type: ignore[attr-defined]
    assert all(told in received for told in ("the view broke", "/crash", "X-Device-Key"))
    assert "Zm9v" not in received
    assert not (HEAVY - {"sentry_sdk"}) & set(crashed.stdout.split())
