"""PostgreSQL and Valkey of one place, whichever of the two the caller's environment doesn't name already."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from faultreporter.localstack.binaries import find_postgres, find_valkey
from faultreporter.localstack.children import Child, stop_together
from faultreporter.localstack.errors import StackError
from faultreporter.localstack.places import Place, make_sockets, remove
from faultreporter.localstack.postgres import Postgres
from faultreporter.localstack.record import Record
from faultreporter.localstack.valkey import Valkey

START_WITHIN = 60.0  # seconds; recovery of a large database after a kill may take a while


def are_needed(environment: Mapping[str, str]) -> bool:
    return not (environment.get("DATABASE_URL") and environment.get("REDIS_URL"))


@contextmanager
def servers_running(
    place: Place, record: Record, environment: Mapping[str, str], logs: Path, *, durable: bool
) -> Iterator[list[Child]]:
    """The children that serve; none when the caller's environment names both servers."""
    if not are_needed(environment):
        yield []
        return
    servers = Servers(place, record, environment, logs, durable=durable)
    try:
        servers.start()
        yield servers.children
    finally:
        servers.stop()


class Servers:
    """Started together, stopped together; `environment` says where they are."""

    def __init__(
        self, place: Place, record: Record, environment: Mapping[str, str], logs: Path, *, durable: bool
    ) -> None:
        self.place = place
        self.record = record
        self.sockets = make_sockets(environment, place.account)
        record.sockets = str(self.sockets)
        record.write(place)
        self.postgres: Postgres | None = None
        self.valkey: Valkey | None = None
        self.children: list[Child] = []
        if not environment.get("REDIS_URL"):
            server = find_valkey(environment, place)
            self.valkey = Valkey(place, server, self.sockets, logs / "valkey.log", durable=durable)
        if not environment.get("DATABASE_URL"):
            server = find_postgres(environment, place)
            self.postgres = Postgres(place, server, self.sockets, logs / "postgres.log", durable=durable)

    @property
    def environment(self) -> dict[str, str]:
        urls = {"EMBEDDED_SERVERS": "true"}
        if self.postgres:
            urls["DATABASE_URL"] = self.postgres.url
        if self.valkey:
            urls["REDIS_URL"] = self.valkey.url
        return urls

    @property
    def origins(self) -> dict[str, str]:
        servers = {"postgres": self.postgres, "valkey": self.valkey}
        return {name: server.server.origin for name, server in servers.items() if server}

    def start(self) -> None:
        """Start both, and return when both answer."""
        if self.valkey:
            self.valkey.make()
            self.begin(Child(self.valkey.program))
        if self.postgres:
            self.postgres.make()
            self.begin(Child(self.postgres.program))
        self.record.environment.update(self.environment)
        self.record.origins = self.origins
        self.record.write(self.place)
        until = time.monotonic() + START_WITHIN
        while not self.are_ready():
            self.complain_about_ends()
            if time.monotonic() > until:
                raise StackError(
                    f"The database servers did not start within {START_WITHIN:.0f} s:\n{self.last_words()}"
                )
            time.sleep(0.01)

    def begin(self, child: Child) -> None:
        self.children.append(child)
        child.start()
        self.record.children[child.name] = (child.pid, child.born)
        self.record.write(self.place)

    def are_ready(self) -> bool:
        pids = {child.name: child.pid for child in self.children}
        return (self.valkey is None or self.valkey.is_ready()) and (
            self.postgres is None or self.postgres.is_ready(pids["postgres"])
        )

    def complain_about_ends(self) -> None:
        for child in self.children:
            if child.ended() is not None:
                raise StackError(f"{child.name} did not start:\n{last_lines(child.program.log)}")

    def last_words(self) -> str:
        return "\n".join(last_lines(child.program.log) for child in self.children)

    def stop(self) -> None:
        stop_together(self.children, hurry=lambda: False)
        remove(self.sockets)


def last_lines(log: Path, count: int = 15) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-count:]) if log.exists() else ""
