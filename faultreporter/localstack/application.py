"""The product's own processes: what is done before they start, which they are, and what is told when they are up."""

import json
import os
import shlex
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faultreporter.localstack.account import Account
from faultreporter.localstack.children import Program
from faultreporter.localstack.environment import CHECKOUT, first_free_port, wanted_port

MANAGE = (sys.executable, "manage.py")
CELERY = (sys.executable, "-m", "celery", "-A", "faultreporter.celery", "--quiet")
GRANIAN = (sys.executable, "-m", "granian", "--host", "127.0.0.1", "--no-ws", "--respawn-failed-workers")
PROMPT = "default,telemetry,webhooks"
LASTING = "ai,reports"
"""What may take long, or waits for somebody else's server: in a process of its own it never holds up an alarm."""


@dataclass(frozen=True)
class Addresses:
    """Where people reach the product; only this machine can."""

    web_port: int
    stream_port: int
    web_taken: int | None  # the port that was wanted and wasn't free

    @property
    def web(self) -> str:
        return f"http://127.0.0.1:{self.web_port}"

    @property
    def stream(self) -> str:
        return f"http://127.0.0.1:{self.stream_port}"

    @classmethod
    def choose(cls, environment: Mapping[str, str]) -> "Addresses":
        wanted = wanted_port(environment, "PORT", 8000)
        web = first_free_port(wanted)
        stream = first_free_port(wanted_port(environment, "STREAM_PORT", web + 1))
        if stream == web:
            stream = first_free_port(web + 1)
        return cls(web, stream, wanted if web != wanted else None)


def child_environment(
    environment: Mapping[str, str], servers: Mapping[str, str], addresses: Addresses, state: Path
) -> dict[str, str]:
    """The caller's variables win where they say something; the servers' URLs are only those we started."""
    ours = {
        "PUBLIC_URL": environment.get("PUBLIC_URL") or addresses.web,
        "STREAM_URL": environment.get("STREAM_URL") or addresses.stream,
        "STATE_DIR": str(state),
        "PYTHONUNBUFFERED": "1",
    }
    return {**os.environ, **ours, **servers}


def front(environment: Mapping[str, str], addresses: Addresses, logs: Path) -> list[Program]:
    """What answers requests. It touches no table before the first one, so it may start while migrations run."""
    web = ("--interface", "wsgi", "--port", str(addresses.web_port), "--workers", "2", "--blocking-threads", "4")
    stream = ("--interface", "asginl", "--port", str(addresses.stream_port), "--workers", "1")
    return [
        program(
            "web", (*GRANIAN, *web, "--workers-kill-timeout", "5", "faultreporter.wsgi:application"), environment, logs
        ),
        program(
            "stream",
            (*GRANIAN, *stream, "--workers-kill-timeout", "2", "faultreporter.asgi:application"),
            environment,
            logs,
        ),
    ]


def background(environment: Mapping[str, str], logs: Path) -> list[Program]:
    quietly = ("--without-gossip", "--without-mingle", "-l", "INFO")
    prompt = ("-n", "prompt@%h", "-Q", PROMPT, "--concurrency", "2", *quietly)
    lasting = ("-n", "lasting@%h", "-Q", LASTING, "--pool", "threads", "--concurrency", "4", *quietly)
    # Celery warns of root's worker; here root's own checkout runs on root's own machine.
    quiet = {**environment, "PYTHONWARNINGS": "ignore:You're running the worker with superuser privileges"}
    return [
        program("worker", (*CELERY, "worker", *prompt), quiet, logs),
        program("worker-long", (*CELERY, "worker", *lasting), quiet, logs),
        program("beat", (*CELERY, "beat", "--pidfile", "", "-l", "INFO"), environment, logs),
        program("relay", (*MANAGE, "relay"), environment, logs),
    ]


def program(name: str, command: Iterable[str], environment: Mapping[str, str], logs: Path) -> Program:
    """One of the product's processes: under the caller's own account, which the checkout belongs to."""
    return Program(
        name=name,
        command=tuple(command),
        environment=environment,
        directory=CHECKOUT,
        log=logs / f"{name}.log",
        account=Account("the caller"),
    )


def has_command(name: str, checkout: Path = CHECKOUT) -> bool:
    pattern = f"management/commands/{name}.py"
    return any(any(checkout.glob(f"{depth}/{pattern}")) for depth in ("*", "faultreporter/*"))


def demo_file(state: Path) -> Path:
    """Logins and keys of the demo story; while there are none, `run` tells the story."""
    return state / "demo.json"


def read_demo(state: Path) -> dict[str, Any]:
    try:
        found = json.loads(demo_file(state).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def readdress_demo(state: Path, addresses: Addresses) -> None:
    """The story is told once, the port may be another one each time."""
    demo = read_demo(state)
    if demo and demo.get("base_url") != addresses.web:
        fresh = state / "demo.json.new"
        fresh.touch(mode=0o600)
        demo |= {"base_url": addresses.web, "admin_url": f"{addresses.web}/admin/"}
        fresh.write_text(json.dumps(demo, indent=2), encoding="utf-8")
        fresh.replace(demo_file(state))


def welcome(addresses: Addresses, state: Path, where: Iterable[str], seconds: float) -> list[str]:
    demo = read_demo(state)
    users = demo.get("users", [])
    people = {user["role"]: next(one for one in users if one["role"] == user["role"]) for user in users}
    widest = max((len(user["email"]) for user in users), default=0)
    lines = ["", f"Fault Reporter is up ({seconds:.1f} s)."]
    if addresses.web_taken:
        lines.append(f"Port {addresses.web_taken} is taken, so it listens on {addresses.web_port}.")
    lines += [
        "",
        f"API          {addresses.web}/api/v1",
        f"Docs         {addresses.web}/docs",
        f"Back office  {addresses.web}/admin/",
        "",
    ]
    lines += [f"{role:<12} {user['email']:<{widest}}  password: {user['password']}" for role, user in people.items()]
    token = next((user["token"] for user in users if user.get("token")), None)
    if token:
        header = shlex.quote(f"Authorization: Bearer {token}")
        lines += ["", "Try it:", f"curl -H {header} '{addresses.web}/api/v1/equipment?page_size=3'"]
    return [*lines, "", *where, "Ctrl-C stops everything; `make run` resumes.", ""]
