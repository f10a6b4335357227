"""The embedded PostgreSQL of a place: made once, started as a foreground child, reachable by one unix socket only."""

import os
import re
import signal
import subprocess
from pathlib import Path

from faultreporter.localstack import census
from faultreporter.localstack.binaries import Server
from faultreporter.localstack.children import Program
from faultreporter.localstack.errors import StackError
from faultreporter.localstack.places import Place, remove

NAME = "faultreporter"  # of the database and of its owner
FAST_SHUTDOWN = signal.SIGINT
GRACE = 30.0  # seconds for the last checkpoint
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    "log_lock_waits": "on",
    "jit": "off",
    "max_wal_size": "2GB",
    "random_page_cost": "1.1",
}
# A database that is thrown away needs no protection from a power cut. Nor statistics: after a test that rolled back
# what it wrote, autovacuum would note that large tables are empty, and plans would be ten times as slow.
THROWAWAY_SETTINGS = {
    "autovacuum": "off",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}


class Postgres:
    """One data directory, and the program that serves it."""

    def __init__(self, place: Place, server: Server, sockets: Path, log: Path, *, durable: bool) -> None:
        self.place = place
        self.server = server
        self.sockets = sockets
        self.log = log
        self.durable = durable

    @property
    def url(self) -> str:
        return f"postgresql://{NAME}@/{NAME}?host={self.sockets}"

    @property
    def program(self) -> Program:
        settings = {
            **SETTINGS,
            **({} if self.durable else THROWAWAY_SETTINGS),
            "cluster_name": self.place.mark,
            "unix_socket_directories": str(self.sockets),
        }
        if self.offers("pg_stat_statements"):
            settings["shared_preload_libraries"] = "pg_stat_statements"
        command = [str(self.server.path), "-D", str(self.place.postgres)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        return Program(
            name="postgres",
            command=command,
            environment=self.environment,
            directory=Path("/"),
            log=self.log,
            account=self.place.account,
            stop_signal=FAST_SHUTDOWN,
            grace=GRACE,
            clear=lambda: stop_survivor(self.place),
        )

    @property
    def environment(self) -> dict[str, str]:
        return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC", "HOME": str(self.sockets)}

    def offers(self, library: str) -> bool:
        return any((self.server.directory.parent / "lib").glob(f"**/{library}.*"))

    def make(self) -> None:
        """Make the data directory unless it is there; a start that was interrupted half-way leaves none."""
        data = self.place.postgres
        if (data / "PG_VERSION").exists():
            self.check_version()
            return
        for unfinished in data.parent.glob("pg.new-*"):
            remove(unfinished)
        fresh = data.with_name(f"pg.new-{os.getpid()}")
        self.place.account.own(fresh)
        locale = ["--locale-provider=builtin", "--locale=C.UTF-8"] if self.server.version >= (17,) else ["--no-locale"]
        sync = [] if self.durable else ["--no-sync"]
        self.run(
            "initdb", "-D", str(fresh), "-U", NAME, "-A", "trust", "-E", "UTF8", "--data-checksums", *locale, *sync
        )
        self.run("postgres", "--single", "-D", str(fresh), "postgres", statement=f"CREATE DATABASE {NAME}\n")
        fresh.rename(data)

    def run(self, program: str, *arguments: str, statement: str = "") -> None:
        account = self.place.account
        done = subprocess.run(
            [str(self.server.directory / program), *arguments],
            input=statement, capture_output=True, text=True, check=False, env=self.environment, cwd="/",
            user=account.uid, group=account.gid, extra_groups=[] if account.is_other else None,
        )  # fmt: skip
        if done.returncode:
            raise StackError(
                f"{program} could not make the database in {self.place.postgres}:\n{done.stdout}{done.stderr}"
            )

    def check_version(self) -> None:
        data = self.place.postgres
        made_by = (data / "PG_VERSION").read_text().strip()
        if int(made_by) != self.server.version[0]:
            raise StackError(
                f"The database in {data} was made by PostgreSQL {made_by}, and this is {self.server.origin}. "
                f"Dump it with PostgreSQL {made_by}, or delete it with `make clean`."
            )
        if not self.place.account.owns(data):
            raise StackError(f"The database in {data} belongs to another account than {self.place.account.name}.")

    def is_ready(self, pid: int) -> bool:
        """The server says so itself: line 8 of its pid file (pg_ctl reads it too)."""
        try:
            lines = (self.place.postgres / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return len(lines) >= 8 and lines[0].strip() == str(pid) and lines[7].strip() == "ready"


def stop_survivor(place: Place) -> None:
    """End a server that outlived its supervisor, in good order."""
    census.stop_all(lambda: postmasters(place), first=FAST_SHUTDOWN, grace=GRACE)
    end_orphans(place)


def postmasters(place: Place) -> list[int]:
    wanted = re.compile(rf"postgres -D .*cluster_name={place.mark}( |$)")
    return [process.pid for process in census.listed() if wanted.search(process.command)]


def end_orphans(place: Place) -> None:
    """Back-ends whose postmaster was killed hold its shared memory, and a new one refuses to start beside them."""
    title = f"postgres: {place.mark}: "
    census.stop_all(
        lambda: [process.pid for process in census.listed() if process.command.startswith(title)],
        first=signal.SIGQUIT,
        grace=1,
    )
    # A pid file whose number belongs to another program by now would keep the server from starting, too.
    if not postmasters(place):
        (place.postgres / "postmaster.pid").unlink(missing_ok=True)
