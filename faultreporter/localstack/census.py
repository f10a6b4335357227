"""Which processes live, and which of them are ours: a number alone may belong to another program by now."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")
HAS_PROC = (PROC / "self" / "stat").exists()
KILLED_WITHIN = 5.0  # seconds; a process that hangs in the kernel longer won't be waited for


class Listed(NamedTuple):
    """One line of the machine's process list."""

    pid: int
    session: int  # where the system tells none, the process group: the same for what we start
    born: str
    command: str


def listed() -> Iterator[Listed]:
    """Every living process of the machine; zombies are dead."""
    return from_proc() if HAS_PROC else from_ps()


def from_proc() -> Iterator[Listed]:
    boot = (PROC / "sys/kernel/random/boot_id").read_text().strip()
    for entry in PROC.iterdir():
        if entry.name.isdecimal():
            with suppress(OSError):  # it ended while we were reading
                # `pid (name) state ppid group session … born …`; the name may hold anything, parentheses too.
                fields = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
                command = (entry / "cmdline").read_bytes().rstrip(b"\0").replace(b"\0", b" ").decode(errors="replace")
                if fields[0] not in "ZX":
                    yield Listed(int(entry.name), int(fields[3]), f"{boot}/{fields[19]}", command)


def from_ps() -> Iterator[Listed]:
    output = subprocess.run(
        ["ps", "-axww", "-o", "pid=,pgid=,stat=,lstart=,command="],
        capture_output=True, text=True, check=True, env={**os.environ, "LC_ALL": "C"},
    ).stdout  # fmt: skip
    for line in output.splitlines():
        fields = line.split(None, 8)  # lstart is five words: Mon Nov 23 14:39:01 2026
        if len(fields) == 9 and not fields[2].startswith("Z"):
            yield Listed(int(fields[0]), int(fields[1]), " ".join(fields[3:8]), fields[8])


def born(pid: int) -> str:
    """When that process started, in the system's own words; empty when it doesn't live."""
    return next((process.born for process in listed() if process.pid == pid), "")


def session_of(leader: int) -> list[int]:
    """The living processes of the session that `leader` opened, with or without the leader itself."""
    return [process.pid for process in listed() if process.session == leader]


def send(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def stop_all(find: Callable[[], list[int]], *, first: signal.Signals, grace: float) -> None:
    """Signal what `find` finds, and kill what is left of it after `grace` seconds."""
    pids = find()
    send(pids, first)
    until = time.monotonic() + grace
    while pids and time.monotonic() < until:
        time.sleep(0.02)
        pids = find()
    send(pids, signal.SIGKILL)
    until = time.monotonic() + KILLED_WITHIN
    while pids and time.monotonic() < until:
        time.sleep(0.01)
        pids = find()
