"""The whole of `run`, with small stand-ins for the product's processes."""

import json
import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import pytest

from faultreporter.localstack import application, commands
from faultreporter.localstack.__main__ import main
from faultreporter.localstack.account import Account
from faultreporter.localstack.application import Addresses, background, front, program
from faultreporter.localstack.children import Program
from faultreporter.localstack.console import Console
from faultreporter.localstack.errors import StackError
from faultreporter.localstack.places import Place, existing_places
from faultreporter.localstack.record import Record, claimed
from faultreporter.localstack.supervisor import Supervisor, ask
from faultreporter.localstack.tests.waiting import wait_until

StopWhen = Callable[[Callable[[], bool]], Thread]
FILE_SERVER = """
import http.server, os
os.chdir(os.environ["STATE_DIR"])
http.server.test(http.server.SimpleHTTPRequestHandler, bind="127.0.0.1", port={port})
"""
DEMO = {
    "base_url": "http://127.0.0.1:1",
    "admin_url": "http://127.0.0.1:1/admin/",
    "users": [
        {"role": "ADMIN", "email": "adam@example.org", "password": "secret-adam", "token": "frt_adam"},
        {"role": "MANAGER", "email": "mona@example.org", "password": "secret-mona", "token": "frt_mona"},
        {"role": "MANAGER", "email": "max@example.org", "password": "secret-max", "token": "frt_max"},
    ],
    "device_key": "frd_key",
}


@pytest.fixture
def product(stack_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, reachable_path: Path) -> dict[str, str]:
    """Servers of the caller's own, and a product that is one small file server."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://mine/db")
    monkeypatch.setenv("REDIS_URL", "redis://mine")
    monkeypatch.setattr(commands, "MANAGE", (sys.executable, "-c", "import sys; print(sys.argv)"))
    monkeypatch.setattr(commands, "front", lambda environment, addresses, logs: [
        program("web", [sys.executable, "-c", FILE_SERVER.format(port=addresses.web_port)], environment, logs),
    ])  # fmt: skip
    monkeypatch.setattr(commands, "background", lambda environment, logs: [
        program("worker", ["sleep", "60"], environment, logs),
    ])  # fmt: skip
    health = reachable_path / "state" / "health"
    health.mkdir(parents=True)
    (health / "ready").write_text("{}")
    (reachable_path / "state" / "demo.json").write_text(json.dumps(DEMO))
    return stack_environment


def record_of(environment: dict[str, str]) -> Record:
    return next((Record.read(place) for place in existing_places(environment)), Record())


def test_run_tells_the_addresses_and_one_login_of_each_role(
    product: dict[str, str], stop_when: StopWhen, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told: list[str] = []

    def is_up() -> bool:
        told.append(capsys.readouterr().out)
        return "Ctrl-C stops everything" in "".join(told)

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setenv("PORT", str(port))
        stopper = stop_when(is_up)
        assert main(["run"]) == 0
        stopper.join()

    text = "".join(told)
    assert "DATABASE_URL and REDIS_URL are set, so nothing embedded starts." in text
    assert f"Port {port} is taken, so it listens on " in text
    assert "mona@example.org  password: secret-mona" in text
    assert "max@example.org" not in text
    assert "curl -H 'Authorization: Bearer frt_adam' " in text
    demo = Path(product["STATE_DIR"], "demo.json")
    assert json.loads(demo.read_text())["base_url"] in text
    assert demo.stat().st_mode & 0o777 == 0o600


def test_a_killed_process_is_started_again(product: dict[str, str], stop_when: StopWhen) -> None:
    first: list[tuple[int, str]] = []

    def has_new_worker() -> bool:
        worker = record_of(product).children.get("worker")
        if worker and not first:
            first.append(worker)
            os.kill(worker[0], signal.SIGKILL)
        return bool(worker and first and worker != first[0])

    stopper = stop_when(has_new_worker)

    assert main(["run"]) == 0
    stopper.join()


def test_a_failed_migration_ends_it_with_its_last_words(
    product: dict[str, str],
    signals_restored: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(commands, "MANAGE", (sys.executable, "-c", "raise SystemExit('no such table')"))

    assert main(["run"]) == 1

    assert "migrate failed (exit status 1):\nno such table" in capsys.readouterr().err


def test_no_demo_story_goes_into_a_database_of_the_callers(
    product: dict[str, str], stop_when: StopWhen, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(product["STATE_DIR"], "demo.json").unlink()
    monkeypatch.setattr(commands, "has_command", lambda _: True)
    stopper = stop_when(lambda: "worker" in record_of(product).children)

    assert main(["run"]) == 0

    stopper.join()
    assert "no demo story is written" in capsys.readouterr().out
    assert not Path(product["STATE_DIR"], "log", "seed_demo.log").exists()


def test_an_unhealthy_start_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    supervisor = Supervisor(Place(tmp_path, Account("me")), Record(), Console())

    supervisor.wait_until_healthy("http://127.0.0.1:9/health/ready", within=0.3)

    assert "does not say that all is well yet: " in capsys.readouterr().out
    assert "refused" in ask("http://127.0.0.1:9/")


def test_a_killed_make_ends_what_it_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAKELEVEL", "1")
    supervisor = Supervisor(Place(tmp_path, Account("me")), Record(), Console())
    monkeypatch.setattr(os, "getppid", lambda: 1)

    supervisor.watch()

    assert supervisor.stopping.is_set()


def test_every_queue_has_a_worker_and_nothing_listens_to_the_world(tmp_path: Path) -> None:
    started = [*front({}, Addresses(8000, 8001, None), tmp_path), *background({}, tmp_path)]
    made = {each.name: " ".join(each.command) for each in started}

    assert list(made) == ["web", "stream", "worker", "worker-long", "beat", "relay"]
    assert "-Q default,telemetry,webhooks" in made["worker"]
    assert "-Q ai,reports" in made["worker-long"]
    for name in ("web", "stream"):
        assert "--host 127.0.0.1" in made[name]


def test_the_stream_never_gets_the_port_of_the_web() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    addresses = Addresses.choose({"PORT": str(port), "STREAM_PORT": str(port)})

    assert addresses.web_port == port
    assert addresses.stream_port > port


def test_a_program_that_cannot_start_is_a_sentence(tmp_path: Path) -> None:
    place = Place(tmp_path, Account("me"))
    missing = Program("seed", ["no-such-program"], dict(os.environ), tmp_path, tmp_path / "seed.log", place.account)

    with claimed(place, "run") as record, pytest.raises(StackError, match="seed failed"):
        Supervisor(place, record, Console()).complete(missing)


def test_management_commands_are_found_by_their_file(tmp_path: Path) -> None:
    commands_directory = tmp_path / "faultreporter" / "demo" / "management" / "commands"
    commands_directory.mkdir(parents=True)
    (commands_directory / "seed_demo.py").touch()

    assert application.has_command("seed_demo", tmp_path)
    assert not application.has_command("simulate", tmp_path)


def test_wait_until_gives_up() -> None:
    with pytest.raises(AssertionError):
        wait_until(lambda: False, seconds=0.05)
