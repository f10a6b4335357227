"""What `python -m faultreporter.localstack` can do, one function a subcommand; each returns an exit status."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from faultreporter.localstack import census
from faultreporter.localstack.account import Account
from faultreporter.localstack.application import (
    MANAGE,
    Addresses,
    background,
    child_environment,
    demo_file,
    front,
    has_command,
    program,
    read_demo,
    readdress_demo,
    welcome,
)
from faultreporter.localstack.binaries import find_postgres
from faultreporter.localstack.children import Child
from faultreporter.localstack.console import Console
from faultreporter.localstack.environment import CHECKOUT
from faultreporter.localstack.errors import StackError
from faultreporter.localstack.places import (
    Place,
    choose_place,
    existing_places,
    homes,
    make_home,
    remove,
    state_directory,
)
from faultreporter.localstack.record import Record, claimed, is_claimed
from faultreporter.localstack.servers import are_needed, servers_running
from faultreporter.localstack.supervisor import Stopped, Supervisor

STOP_WITHIN = 60.0
NOTHING_RUNS = 3  # as init scripts have it


def run(environment: Mapping[str, str], name: str) -> int:
    """Everything: servers, migrations, the demo story once, and the product's processes, until Ctrl-C."""
    began = time.monotonic()
    state = state_directory(environment, name)
    logs = state / "log"
    with supervised(environment, name, "run") as supervisor:
        addresses = Addresses.choose(environment)
        inner = child_environment(environment, supervisor.record.environment, addresses, state)
        supervisor.record.environment.update({key: inner[key] for key in ("PUBLIC_URL", "STREAM_URL")})
        supervisor.start(front(inner, addresses, logs))
        prepare(supervisor, environment, inner, state)
        readdress_demo(state, addresses)
        supervisor.start(background(inner, logs), quiet=True)
        supervisor.wait_until_healthy(f"{addresses.web}/health/ready")
        where = [
            f"Logs  {logs} (of workers, beat and relay only warnings are shown here)",
            f"Data  {supervisor.place.directory}",
        ]
        supervisor.console.block(welcome(addresses, state, where, time.monotonic() - began))
        supervisor.watch()
    return 0


def prepare(supervisor: Supervisor, environment: Mapping[str, str], inner: Mapping[str, str], state: Path) -> None:
    """Migrations always; the demo story once, and only into a database of our own making."""
    (state / "static").mkdir(parents=True, exist_ok=True)
    logs = state / "log"
    supervisor.complete(program("migrate", [*MANAGE, "migrate", "--noinput"], inner, logs))
    if read_demo(state) or not has_command("seed_demo"):
        return
    if environment.get("DATABASE_URL"):
        supervisor.console.say("DATABASE_URL is yours, so no demo story is written; `manage.py seed_demo` does it.")
        return
    supervisor.console.say("Writing the demo story; this happens once.")
    supervisor.complete(program("seed_demo", [*MANAGE, "seed_demo"], inner, logs))


def serve(environment: Mapping[str, str], name: str) -> int:
    """The servers alone, for a Django that is run by hand."""
    with supervised(environment, name, "serve") as supervisor:
        urls = supervisor.record.environment
        supervisor.console.block(["", *(f"export {key}='{value}'" for key, value in urls.items()), ""])
        supervisor.watch()
    return 0


@contextmanager
def supervised(environment: Mapping[str, str], name: str, purpose: str) -> Iterator[Supervisor]:
    """The servers, started and watched; whatever was started is stopped in order at the end, also when it fails."""
    place = place_for(environment, name)
    console = Console()
    with claimed(place, purpose) as record:
        supervisor = Supervisor(place, record, console)
        supervisor.listen()
        with servers_running(
            place, record, environment, state_directory(environment, name) / "log", durable=True
        ) as children:
            console.say(which_servers(record, children))
            supervisor.adopt(children)
            try:
                yield supervisor
            except Stopped:
                pass
            finally:
                console.say("Stopping.")
                supervisor.stop_all_but(children)
    console.say("Everything has stopped.")


def which_servers(record: Record, children: Sequence[Child]) -> str:
    if not children:
        return "DATABASE_URL and REDIS_URL are set, so nothing embedded starts."
    account = children[0].program.account
    owner = f", run as {account.name}" if account.is_other else ""
    return f"{' and '.join(record.origins.values())}{owner}."


def place_for(environment: Mapping[str, str], name: str) -> Place:
    if are_needed(environment):
        return choose_place(environment, name)
    place = Place(homes(environment, CHECKOUT)[0] / name, Account("the caller"))  # for the lock and the record only
    make_home(place.directory, place.account)
    return place


def status(environment: Mapping[str, str], name: str) -> int:
    """What runs, and where."""
    console = Console()
    place = running_place(environment, name)
    if place is None:
        console.block(["Nothing runs."])
        return NOTHING_RUNS
    record = Record.read(place)
    console.block([
        f"`{record.purpose}` runs as process {record.pid}, its data in {place.directory}.",
        *record.origins.values(),
        *(f"{key}={value}" for key, value in record.environment.items()),
        *(f"{child:<9} process {pid}" for child, (pid, _) in record.children.items()),
    ])  # fmt: skip
    return 0


def running_place(environment: Mapping[str, str], name: str) -> Place | None:
    return next((place for place in existing_places(environment, name) if is_claimed(place)), None)


def stop(environment: Mapping[str, str], name: str) -> int:
    """End the supervisor that works there and wait until its last child has gone; end what a killed one left."""
    for place in existing_places(environment, name):
        record = Record.read(place)
        if is_claimed(place) and census.born(record.pid) == record.born:
            census.send([record.pid], signal.SIGTERM)
        until = time.monotonic() + STOP_WITHIN
        while is_claimed(place):
            if time.monotonic() > until:
                raise StackError(f"Process {record.pid} does not stop; `kill -9 {record.pid}`, then start again.")
            time.sleep(0.05)
        with claimed(place, "stop"):
            pass
    return 0


def wipe(environment: Mapping[str, str]) -> int:
    """Stop what runs and delete the servers' data, of every name, and the logins that were in them."""
    for home in homes(environment, CHECKOUT):
        for lock in home.glob("*/lock"):
            place, name = lock.parent, lock.parent.name
            stop(environment, name)
            if (place / "pg").exists():  # otherwise the database is the caller's, and stays
                demo_file(state_directory(environment, name)).unlink(missing_ok=True)
            remove(place)
        if home.is_dir() and not any(home.iterdir()):
            home.rmdir()
    return 0


def psql(environment: Mapping[str, str], name: str, arguments: Sequence[str]) -> int:
    """PostgreSQL's own shell on the running database."""
    url, path = environment.get("DATABASE_URL", ""), environment.get("PATH", "")
    place = running_place(environment, name)
    if place and not url:
        url = Record.read(place).environment.get("DATABASE_URL", "")
        path = os.pathsep.join((str(find_postgres(environment, place).directory), path))
    if not url:
        raise StackError("No database runs; `make run` starts it.")
    program_path = shutil.which("psql", path=path)
    if not program_path:
        raise StackError(f"There is no psql on this machine. The database is {url}")
    url = url.replace("postgresql+asyncpg://", "postgresql://")
    return subprocess.run([program_path, url, *arguments], check=False).returncode
