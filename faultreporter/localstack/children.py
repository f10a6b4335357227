"""The programs of the stack as children of the supervisor: each in a session of its own, its output in a log file."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from faultreporter.localstack import census
from faultreporter.localstack.account import Account

TETHER = Path(__file__).with_name("tether.py")
STEADY_AFTER = 20.0  # seconds of life after which an end counts as the first one again
LONGEST_PAUSE = 10.0


def nothing_to_clear() -> None:
    pass


@dataclass(frozen=True)
class Program:
    """What to start, and how to end it."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    directory: Path
    log: Path
    account: Account
    stop_signal: signal.Signals = signal.SIGTERM
    grace: float = 10.0  # seconds between the stop signal and SIGKILL
    clear: Callable[[], object] = nothing_to_clear  # ends what a killed predecessor left, before each start


class Child:
    """One program and the process that currently runs it."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.pid = 0
        self.born = ""
        self.start_at = 0.0
        self.started_at = 0.0
        self.quick_ends = 0
        self.status: int | None = None  # how it ended last
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def name(self) -> str:
        return self.program.name

    @property
    def is_running(self) -> bool:
        return self._process is not None

    def start(self) -> None:
        self.program.clear()
        self.program.log.parent.mkdir(parents=True, exist_ok=True)
        with self.program.log.open("ab") as log:
            self._process = subprocess.Popen(
                tethered(self.program),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=dict(self.program.environment),
                cwd=self.program.directory,
                start_new_session=True,  # the terminal's Ctrl-C is for the supervisor, which ends children in order
            )
        self.pid = self._process.pid
        self.born = census.born(self.pid)
        self.started_at = time.monotonic()

    def ended(self) -> int | None:
        """The exit status, once, when it has ended, taking along what it left in its session; None while it runs."""
        status = None if self._process is None else self._process.poll()
        if status is not None:
            census.stop_all(lambda: census.session_of(self.pid), first=signal.SIGKILL, grace=0)
            self._process = None
            self.status = status
        return status

    def pause(self) -> float:
        """Seconds to wait before the next start: none to speak of at first, longer while it keeps falling over."""
        steady = time.monotonic() - self.started_at > STEADY_AFTER
        self.quick_ends = 0 if steady else self.quick_ends + 1
        return min(0.25 * 2.0**self.quick_ends, LONGEST_PAUSE)

    def ask_to_stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(self.program.stop_signal)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()


def tethered(program: Program) -> list[str]:
    account = program.account
    owner = ["-", "-"] if account.uid is None else [str(account.uid), str(account.gid)]
    head = [sys.executable, "-I", "-S", str(TETHER), str(int(program.stop_signal)), str(os.getpid()), *owner]
    return [*head, *program.command]


def stop_together(children: Iterable[Child], *, hurry: Callable[[], bool]) -> None:
    """Ask all of them at once; kill each when its grace is over, or at once when `hurry()` turns true."""
    asked = time.monotonic()
    waiting = [child for child in children if child.is_running]
    for child in waiting:
        child.ask_to_stop()
    while waiting:
        for child in waiting:
            if hurry() or time.monotonic() - asked > child.program.grace:
                child.kill()
        waiting = [child for child in waiting if child.ended() is None]
        time.sleep(0.01)


def describe_end(status: int) -> str:
    if status < 0:
        return f"killed by {signal.Signals(-status).name}"
    return f"exit status {status}"
