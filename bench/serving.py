"""`make bench`: our server on the large demo, beside PostgreSQL running the same SQL alone.

Authentication, scope, ETag, audit and rate limit are on. The clients share the machine with the server, so the figures
to compare are processor time per request and the ratios, not requests a second.
"""

import argparse
import asyncio
import itertools
import json
import os
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import django
from django.conf import settings

ROUNDS = 3
SECONDS = 3.0
CONNECTIONS = 64
SAMPLES = 12


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def start_server(port: int) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", "2", "--blocking-threads", "4", "--no-ws", "--workers-kill-timeout", "5"]
    command += ["faultreporter.wsgi:application"]
    quiet = {**os.environ, "LOG_LEVEL": "WARNING", "RATE_LIMIT_PER_MINUTE": "10000000"}
    server = subprocess.Popen(command, env=quiet, stdout=subprocess.DEVNULL)
    for _ in range(100):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=2).close()
            return server
        except OSError:
            time.sleep(0.1)
    server.terminate()  # it takes its workers with it, which killing it would leave behind
    raise SystemExit("The server did not start.")


def postmaster() -> int:
    from django.db import connection  # noqa: PLC0415 - Django must be set up first

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        backend = int(cursor.fetchone()[0])
    return int(Path(f"/proc/{backend}/stat").read_text().rpartition(")")[2].split()[1])


def measure(case: Any, port: int, token: str, server: int, database: int, connections: int) -> dict[str, float]:
    from bench import cpu, load  # noqa: PLC0415

    before = cpu.spent(server), cpu.spent(database)
    result = asyncio.run(
        load.run(
            port, case.requests(), credential=f"Authorization: Bearer {token}", connections=connections, seconds=SECONDS
        )
    )
    after = cpu.spent(server), cpu.spent(database)
    wrong = {status: count for status, count in result.statuses.items() if status >= 400}
    if wrong:
        raise SystemExit(f"{case.name}: {wrong}")
    done = len(result.milliseconds)
    return {
        "rate": result.rate,
        "p50": result.percentile(0.5),
        "p95": result.percentile(0.95),
        "server": (after[0] - before[0]) / done * 1000,
        "database": (after[1] - before[1]) / done * 1000,
    }


def report(case: Any, rounds: list[dict[str, float]], user: Any) -> str:
    from bench import queries  # noqa: PLC0415

    samples = [queries.statements(request, user) for request in itertools.islice(case.requests(), SAMPLES)]
    scans = set().union(*(queries.sequential_scans(found) for found in samples))
    alone = queries.alone(samples, os.environ["DATABASE_URL"], seconds=3)
    middle = {key: statistics.median(one[key] for one in rounds) for key in rounds[0]}
    rates = [one["rate"] for one in rounds]
    spread = f"{min(rates):.0f}–{max(rates):.0f}"
    beside = f"{alone.rate:8.0f} {middle['rate'] / alone.rate * 100:6.1f} %" if alone else f"{'–':>8} {'–':>8}"
    counts = sorted({len(found) for found in samples})
    return (
        f"{case.name:18} {middle['rate']:7.0f} {spread:>11} {middle['p50']:7.1f} {middle['p95']:7.1f} "
        f"{middle['server']:8.2f} {middle['database']:8.2f} {'/'.join(map(str, counts)):>7} {beside}  "
        f"{', '.join(sorted(scans)) or 'none'}"
    )


def run(arguments: list[str]) -> None:
    from bench.cases import cases  # noqa: PLC0415
    from equipment.models import Equipment  # noqa: PLC0415
    from faultreporter.accounts.models import ApiToken, User  # noqa: PLC0415

    parser = argparse.ArgumentParser(prog="python -m bench serving")
    parser.add_argument("--connections", type=int, default=CONNECTIONS, help="1 shows what one request takes")
    options = parser.parse_args(arguments)
    settings.ALLOWED_HOSTS.append("testserver")
    ids = [
        str(pk)
        for pk in Equipment.objects.filter(equipment_code__lte="EQ-000980", equipment_code__gt="EQ-").values_list(
            "pk", flat=True
        )
    ]
    if not ids:
        raise SystemExit("There is no large fleet in this database; make demo-large first.")
    user = User.objects.filter(role="MANAGER", is_active=True).first()
    assert user
    key, token = ApiToken.issue(user=user, name="Benchmark")
    port = free_port()
    server = start_server(port)
    try:
        database = postmaster()
        found = cases(ids)
        results: dict[str, list[dict[str, float]]] = {case.name: [] for case in found}
        for _round in range(ROUNDS):
            for case in found:
                results[case.name].append(measure(case, port, token, server.pid, database, options.connections))
    finally:
        server.terminate()
        server.wait(20)
    print(
        json.dumps(
            {
                "connections": options.connections,
                "seconds": SECONDS,
                "rounds": ROUNDS,
                "machines": Equipment.objects.count(),
            }
        )
    )
    columns = f"{'':18} {'req/s':>7} {'spread':>11} {'p50 ms':>7} {'p95 ms':>7} {'web cpu':>8} {'pg cpu':>8}"
    print(f"{columns} {'queries':>7} {'pgbench':>8} {'of it':>8}  sequential scans of large tables")
    for case in found:
        print(report(case, results[case.name], user))
    print("web cpu, pg cpu: milliseconds of processor time a request. pgbench: the same reads alone, 8 clients.")
    key.revoke(by=None, at=django.utils.timezone.now())
