"""The lock that lets one supervisor at a time work in a place, and the record it keeps for others and its successor."""

import fcntl
import json
import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from faultreporter.localstack import census, postgres, valkey
from faultreporter.localstack.errors import StackError
from faultreporter.localstack.places import Place, remove

LOCK_WITHIN = 0.5  # seconds


@dataclass
class Record:
    """What runs in a place: enough to report it, to join it, to stop it, and to clear up after a kill -9."""

    pid: int = 0
    born: str = ""
    purpose: str = ""
    sockets: str = ""
    environment: dict[str, str] = field(default_factory=dict)  # DATABASE_URL, REDIS_URL and the product's URLs
    origins: dict[str, str] = field(default_factory=dict)
    children: dict[str, tuple[int, str]] = field(default_factory=dict)

    @classmethod
    def read(cls, place: Place) -> "Record":
        try:
            found: Mapping[str, Any] = json.loads(place.record_file.read_text(encoding="utf-8"))
            return cls(**found)
        except (FileNotFoundError, ValueError, TypeError):
            return cls()

    def write(self, place: Place) -> None:
        fresh = place.record_file.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(asdict(self), file, indent=2)
        fresh.replace(place.record_file)

    def sessions(self) -> list[int]:
        """The living processes of the recorded children's sessions, also of those whose leader is dead.

        A session's number isn't given away while a member lives; a stranger with the leader's own number is told
        by the time it was born.
        """
        recorded = dict(self.children.values())
        alive = list(census.listed())
        strangers = {process.pid for process in alive if process.born != recorded.get(process.pid, process.born)}
        return [process.pid for process in alive if process.session in recorded.keys() - strangers]


@contextmanager
def claimed(place: Place, purpose: str) -> Iterator[Record]:
    """Hold the place. Whoever died holding it has been cleared up by then, and left the record empty."""
    descriptor = os.open(place.lock_file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if not is_locked_within(descriptor, LOCK_WITHIN):
            raise StackError(in_use(place))
        clear_up(place)
        record = Record(pid=os.getpid(), born=census.born(os.getpid()), purpose=purpose)
        record.write(place)
        try:
            yield record
        finally:
            Record().write(place)
    finally:
        os.close(descriptor)


def is_claimed(place: Place) -> bool:
    if not place.lock_file.exists():
        return False
    descriptor = os.open(place.lock_file, os.O_RDWR)
    try:
        return not is_locked_within(descriptor, 0)
    finally:
        os.close(descriptor)


def is_locked_within(descriptor: int, seconds: float) -> bool:
    """Try for a moment: another command may only be looking whether somebody holds the lock."""
    until = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                return False
            time.sleep(0.02)
        else:
            return True


def in_use(place: Place) -> str:
    record = Record.read(place)
    return (
        f"`{record.purpose}` (process {record.pid}) already works in {place.directory}. "
        "`python -m faultreporter.localstack stop` ends it."
    )


def clear_up(place: Place) -> None:
    """End what a killed supervisor left, the product before its servers, and remove its sockets."""
    left = Record.read(place)
    for server in ("postgres", "valkey"):
        left.children.pop(server, None)
    census.stop_all(left.sessions, first=signal.SIGTERM, grace=10)
    valkey.stop_survivor(place)
    postgres.stop_survivor(place)
    if left.sockets:
        remove(Path(left.sockets))
