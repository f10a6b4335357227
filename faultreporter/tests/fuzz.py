"""The whole API under tens of thousands of generated requests: no 500, and no answer that the schema doesn't tell.

    python -m faultreporter.localstack exec -- .venv/bin/python -m faultreporter.tests.fuzz [strict] [turn…]

Schemathesis reads /openapi.json and makes requests of it, right ones and wrong ones, against real web processes on a
real database: one of its own beside that of DATABASE_URL, filled with the demo story and dropped in the end. Callers
of each kind take their turns; what ends a caller's own account comes last. Each finding is told with its curl line.
`strict` also tells of requests that the schema doesn't allow and that were taken all the same.
"""

import contextlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree

import django
import requests
from django.core.management import call_command
from django.db import connection
from django.utils.module_loading import import_string

from faultreporter.localstack.environment import CHECKOUT, first_free_port

SEED = 2026
PATIENCE = 60.0
AT_ONCE = 2
SCHEMATHESIS = Path(sys.executable).with_name("st")
UNLIMITED = "100000000"
# They end the account that asks, or take its rights away.
FAREWELLS = ("logout", "deleteMe", "updateUser", "patchUser", "deleteUser")
ONLY_FAREWELLS = tuple(f"--include-operation-id={name}" for name in FAREWELLS)
ALL_BUT_FAREWELLS = tuple(f"--exclude-operation-id={name}" for name in FAREWELLS)
INGEST = ("--include-operation-id=ingestReadings",)
READS = ("--include-method=GET",)
WRITES = ("--exclude-method=GET",)
# Which collection a field or parameter ending in _id points to.
POINTERS = {
    "equipment": "equipment",
    "location": "locations",
    "parent": "locations",
    "site": "locations",
    "category": "equipment-categories",
    "alert": "alerts",
    "attachment": "attachments",
    "user": "users",
    "order": "work-orders",
    "part": "parts",
    "team": "teams",
    "webhook": "webhooks",
}
# What must hold of every answer. positive_data_acceptance isn't among it: the rules of the business (which move is
# possible now, which machine stands where) are more than a schema can say, so a well-formed body may well be refused.
CONFIGURATION = """
color = false
continue-on-failure = true
cache.enabled = false
output.sanitization.enabled = false

[generation]
with-security-parameters = false
database = ":memory:"

[checks]
positive_data_acceptance.enabled = false
negative_data_rejection.enabled = STRICT
negative_data_rejection.expected-statuses = ["4XX"]

[[operations]]
# The providers of AI aren't configured here, and 503 says so.
include-operation-id = "analyzeFault"
checks.not_a_server_error.expected-statuses = ["2XX", "3XX", "4XX", 503]

[[operations]]
# One wrong reading doesn't spoil the others; 207 says which it was.
include-operation-id = "ingestReadings"
checks.negative_data_rejection.expected-statuses = ["4XX", 207]
"""


@dataclass(frozen=True)
class Turn:
    """One caller's turn. `examples` are made at random for each operation, after all that its schema suggests."""

    name: str
    header: str = ""
    phases: str = "examples,coverage,fuzzing"
    examples: int = 20
    filters: Sequence[str] = ALL_BUT_FAREWELLS
    always: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What came of a turn: findings as texts with their curl line, errors of the tool itself."""

    requests: int
    seconds: float
    findings: list[str]
    errors: list[str]


def turns(demo: dict[str, Any]) -> list[Turn]:
    token = {user["role"]: f"Authorization: Bearer {user['token']}" for user in demo["users"]}
    # A made-up If-Match would end nearly every change with 412; the technician sends them as they come.
    knowing = {"If-Match": "*"}
    return [
        Turn("administrator-writes", token["ADMIN"], examples=5, filters=(*ALL_BUT_FAREWELLS, *WRITES), always=knowing),
        Turn("administrator-reads", token["ADMIN"], examples=4, filters=(*ALL_BUT_FAREWELLS, *READS)),
        Turn("technician", token["TECHNICIAN"], phases="fuzzing", examples=7),
        Turn("manager", token["MANAGER"], phases="fuzzing", examples=2, always=knowing),
        Turn("gateway", f"X-Device-Key: {demo['device_key']}", examples=300, filters=INGEST),
        Turn("stranger", phases="fuzzing", examples=3),
        Turn("farewells", token["ADMIN"], examples=50, filters=ONLY_FAREWELLS, always=knowing),
    ]


def main(names: Sequence[str]) -> int:
    started = time.monotonic()
    names = [name for name in names if name != "strict"]
    with scratch() as room, database(room), web(room / "web.log") as base_url:
        demo = json.loads((room / "demo.json").read_text())
        keys = existing_keys(base_url, demo["users"][0]["token"])
        chosen = [turn for turn in turns(demo) if not names or turn.name in names]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            outcomes = list(pool.map(lambda turn: take(turn, base_url, keys, room / turn.name), chosen[:-1]))
        outcomes += [take(turn, base_url, keys, room / turn.name) for turn in chosen[-1:]]
        log = (room / "web.log").read_text(errors="replace")
    findings = [finding for outcome in outcomes for finding in outcome.findings]
    errors = [error for outcome in outcomes for error in outcome.errors]
    for text in findings + errors:
        say(f"\n{text}{cause_of(text, log)}")
    total = sum(outcome.requests for outcome in outcomes)
    say(f"{total:,} requests in {time.monotonic() - started:.0f} s: {len(findings)} findings, {len(errors)} errors.")
    return 1 if findings or errors else 0


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def cause_of(finding: str, log: str) -> str:
    """The exception behind a 500, from the log of the web processes."""
    request_id = re.search(r'"status":500,"request_id":"(\w+)"', finding)
    at = log.find(f"request_id={request_id[1]}") if request_id else -1
    if at < 0:
        return ""
    lines = [line for line in log[at:].split("[error", 1)[0].splitlines() if line.strip()]
    return "\n    " + "\n    ".join(lines[-4:-1])


# --- the product ---


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    room = Path(tempfile.mkdtemp(prefix="fr-fuzz-"))
    try:
        yield room
    finally:
        shutil.rmtree(room, ignore_errors=True)


@contextlib.contextmanager
def database(room: Path) -> Iterator[None]:
    """A database with the demo story: our own, even where DATABASE_URL names one that somebody uses."""
    os.environ.update(DJANGO_SETTINGS_MODULE="faultreporter.settings", STATE_DIR=str(room), ENV_FILE="no-such-file")
    os.environ.setdefault("FR_TEST_DB", "test_fuzz")
    django.setup()
    before = connection.settings_dict["NAME"]
    name = connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            call_command("seed_demo", verbosity=0)
        import_string("analytics.tasks.send_weekly_report")()  # now that there are models
        connection.close_pool()
        os.environ["DATABASE_URL"] = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}").geturl()
        yield
    finally:
        connection.creation.destroy_test_db(before, verbosity=0)


@contextlib.contextmanager
def web(log: Path) -> Iterator[str]:
    """The web processes, as `make run` starts them, but without a limit of the rate."""
    port = first_free_port(8790)
    unlimited = dict.fromkeys(("RATE_LIMIT_PER_MINUTE", "RATE_LIMIT_ANONYMOUS_PER_MINUTE"), UNLIMITED)
    command = [sys.executable, "-m", "granian", "--host", "127.0.0.1", "--port", str(port), "--interface", "wsgi"]
    command += ["--no-ws", "--workers", "2", "--blocking-threads", "4", "--workers-kill-timeout", "2"]
    command += ["faultreporter.wsgi:application"]
    with log.open("wb") as output:
        environment = {**os.environ, **unlimited, "LOG_LEVEL": "ERROR"}
        process = subprocess.Popen(command, cwd=CHECKOUT, env=environment, stdout=output, stderr=output)
    try:
        base_url = f"http://127.0.0.1:{port}"
        wait_for(base_url, log)
        yield base_url
    finally:
        process.terminate()
        process.wait(30)


def wait_for(base_url: str, log: Path) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        with contextlib.suppress(requests.RequestException):
            if requests.get(f"{base_url}/health", timeout=5).ok:
                return
        time.sleep(0.2)
    raise AssertionError(f"The web processes did not start:\n{log.read_text()[-4000:]}")


def existing_keys(base_url: str, token: str) -> dict[str, list[str]]:
    """Ids of records that there are, by path of the collection: for made-up ones every answer is 404."""
    keys: dict[str, list[str]] = {}
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {token}"
        document = session.get(f"{base_url}/api/v1/openapi.json", timeout=30).json()
        for path in document["paths"]:
            if "{" not in path and f"{path}/{{id}}" in document["paths"] and "get" in document["paths"][path]:
                rows = session.get(f"{base_url}{path}", timeout=30).json()["data"]
                keys[path] = [str(row["id"]) for row in rows]
    return {path: ids for path, ids in keys.items() if ids}


# --- one turn ---


def configuration(turn: Turn, keys: dict[str, list[str]]) -> str:
    """schemathesis.toml, with ids of existing records in seven of ten places that take one."""
    names = {path: path.removeprefix("/api/v1/").replace("/", "-") for path in keys}
    lines = [f"[dictionaries.{names[path]}]\nvalues = {json.dumps(ids)}" for path, ids in keys.items()]
    lines.append("[parameters]")
    lines += [f'"header.{name}" = {json.dumps(value)}' for name, value in turn.always.items()]
    lines += [
        f'"{place}.{stem}_id" = {{ dictionary = "{collection}", probability = 0.7 }}'
        for stem, collection in POINTERS.items()
        for place in ("path", "query", "body")
    ]
    for path, name in names.items():
        lines += ["[[operations]]", f'include-path-regex = "^{path}/[{{]id"']
        lines.append(f'parameters = {{ "path.id" = {{ dictionary = "{name}", probability = 0.7 }} }}')
    strict = "true" if "strict" in sys.argv else "false"
    return CONFIGURATION.replace("STRICT", strict) + "\n".join(lines)


def take(turn: Turn, base_url: str, keys: dict[str, list[str]], room: Path) -> Outcome:
    room.mkdir()
    (room / "schemathesis.toml").write_text(configuration(turn, keys))
    command = [str(SCHEMATHESIS), "--config-file", str(room / "schemathesis.toml"), "run"]
    command += [f"{base_url}/api/v1/openapi.json", "--phases", turn.phases, "--max-examples", str(turn.examples)]
    command += ["--seed", str(SEED), "--request-timeout", "30", "--report", "junit,json"]
    command += ["--report-junit-path", str(room / "junit.xml"), "--report-json-path", str(room / "report.json")]
    command += ["--header", turn.header] if turn.header else []
    command += turn.filters
    with (room / "output.txt").open("wb") as output:
        status = subprocess.run(command, cwd=room, stdout=output, stderr=output, check=False).returncode
    outcome = read(room, status)
    say(f"{turn.name}: {outcome.requests:,} requests in {outcome.seconds:.0f} s, {len(outcome.findings)} findings")
    return outcome


def read(room: Path, status: int) -> Outcome:
    """The outcome of a run, from its reports; a run that left none, or ended oddly, is an error."""
    try:
        report = json.loads((room / "report.json").read_text())
        cases = ElementTree.parse(room / "junit.xml").getroot().iter("testcase")
    except (OSError, ValueError, ElementTree.ParseError):
        return Outcome(0, 0, [], [(room / "output.txt").read_text(errors="replace")[-4000:]])
    findings: list[str] = []
    errors: list[str] = []
    for case in cases:
        findings += [f"{case.get('name')}\n{compact(failure.text or '')}" for failure in case.iter("failure")]
        errors += [f"{case.get('name')}\n{(error.text or '')[-2000:]}" for error in case.iter("error")]
    if status not in (0, 1) or not report["complete"] or (status and not findings + errors):
        errors.append((room / "output.txt").read_text(errors="replace")[-4000:])
    # a run that was cut off has no time
    return Outcome(report["test_cases"]["generated"], report["running_time"] or 0.0, findings, errors)


def compact(text: str) -> str:
    """A failure without empty lines, its longest lines cut, and its curl line whole."""
    lines = (line.rstrip() for line in text.splitlines())
    return "\n".join(line if "curl " in line else line[:300] for line in lines if line)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
