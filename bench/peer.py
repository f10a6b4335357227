"""The rival, where a copy of it is at hand: a folder with `fastapi_plan/`, run as its README says.

It has a database of its own on our PostgreSQL, filled by its own script, and packages of its own under .local. It
checks no credential, no unit, no range, and knows no duplicates.
"""

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import connection

ENVIRONMENT = Path(settings.BASE_DIR) / ".local" / "peer"
DATABASE = "bench_peer"


@dataclass(frozen=True)
class Peer:
    port: int
    pid: int
    equipment_ids: list[str]


def install(folder: Path) -> Path:
    python = ENVIRONMENT / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(ENVIRONMENT)], check=True)
    requirements = str(folder / "fastapi_plan" / "requirements.txt")
    subprocess.run([str(python), "-m", "pip", "install", "-q", "-r", requirements], check=True)
    return python


def fill(folder: Path) -> dict[str, str]:
    """Its database, made anew; answers where it is."""
    at = connection.settings_dict
    with connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
        cursor.execute(f"CREATE DATABASE {DATABASE}")
    where = {
        "PGHOST": at["HOST"], "PGPORT": str(at["PORT"] or 5432), "PGUSER": at["USER"], "PGPASSWORD": at["PASSWORD"],
        "PGDATABASE": DATABASE,
    }  # fmt: skip
    for script in ("schema.sql", "seed.sql"):
        command = ["psql", "-q", "-v", "ON_ERROR_STOP=1", "-f", str(folder / "fastapi_plan" / script)]
        subprocess.run(command, env={**os.environ, **where}, check=True, stdout=subprocess.DEVNULL)
    return where


def rows(where: dict[str, str], query: str) -> list[str]:
    done = subprocess.run(
        ["psql", "-Atc", query], env={**os.environ, **where}, check=True, capture_output=True, text=True
    )
    return done.stdout.split()


@contextmanager
def running(folder: Path, *, port: int, mode: str = "plan") -> Iterator[Peer]:
    python, where = install(folder), fill(folder)
    dsn = f"postgresql+asyncpg://{where['PGUSER']}:{where['PGPASSWORD']}@/{DATABASE}?host={where['PGHOST']}&port={where['PGPORT']}"
    ids = rows(where, "SELECT id FROM equipment WHERE NOT is_deleted ORDER BY equipment_code LIMIT 1000")
    command = [str(python), "-m", "uvicorn", "app:app", "--workers", "2", "--port", str(port), "--no-access-log"]
    command += ["--log-level", "warning", "--loop", "uvloop", "--http", "httptools"]
    environment = {"PATH": os.environ["PATH"], "PEER_DSN": dsn, "PEER_MODE": mode}
    server = subprocess.Popen(command, cwd=folder / "fastapi_plan", env=environment)
    try:
        wait_for(f"http://127.0.0.1:{port}/health")
        yield Peer(port, server.pid, ids)
    finally:
        server.terminate()
        server.wait(20)
        with connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")


def wait_for(url: str) -> None:
    for _ in range(100):
        try:
            urllib.request.urlopen(url, timeout=2).close()
            return
        except OSError:
            time.sleep(0.1)
    raise SystemExit("The peer did not start.")
