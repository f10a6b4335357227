"""Is it alive, is it ready: for balancers, supervisors and people."""

from collections.abc import Callable
from datetime import datetime, timedelta

import redis as redis_client
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe
from psycopg_pool import PoolTimeout

from faultreporter import redis
from faultreporter.api.models import Heartbeat
from faultreporter.outbox import heartbeat

SILENCE = timedelta(seconds=90)

further: dict[str, Callable[[], str]] = {}


def register_check(name: str, probe: Callable[[], str]) -> None:
    """One more thing that /health/ready tells; it doesn't make the web unready. Apps call this in AppConfig.ready()."""
    further[name] = probe


@require_safe
def health(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "healthy", "version": settings.VERSION})


@require_safe
def live(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "live"})


@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """503 until the database answers with all migrations applied and the broker answers.

    When beat and relay were last seen is told but doesn't make the web unready: requests don't need them.
    """
    checks = {
        "database": check(database),
        "migrations": check(migrations),
        "broker": check(broker),
        "beat": check(beat),
        "relay": check(relay),
        **{name: check(probe) for name, probe in further.items()},
    }
    is_ready = all(checks[name] == "ok" for name in ("database", "migrations", "broker"))
    return JsonResponse(
        {"status": "ready" if is_ready else "unready", "checks": checks}, status=200 if is_ready else 503
    )


def check(probe: Callable[[], str]) -> str:
    try:
        return probe()
    except (DatabaseError, PoolTimeout, redis_client.RedisError, OSError) as error:
        return f"down: {type(error).__name__}"


def database() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return "ok"


_migrated = False


def migrations() -> str:
    global _migrated  # noqa: PLW0603 - migrations are applied once; asking again each time would cost 30 ms
    if not _migrated:
        executor = MigrationExecutor(connection)
        _migrated = not executor.migration_plan(executor.loader.graph.leaf_nodes())
    return "ok" if _migrated else "unapplied migrations: run manage.py migrate"


def broker() -> str:
    redis.connection().ping()
    return "ok"


def beat() -> str:
    return seen(Heartbeat.objects.filter(name="beat").values_list("at", flat=True).first())


def relay() -> str:
    return seen(heartbeat.last_seen())


def seen(last: datetime | None) -> str:
    if last is None:
        return "never seen"
    age = timezone.now() - last
    return "ok" if age < SILENCE else f"last seen {int(age.total_seconds())} s ago"
