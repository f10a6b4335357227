"""`run`: everything the product needs, kept alive until it is told to stop."""

import os
import signal
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from contextlib import suppress
from types import FrameType

from faultreporter.localstack.children import Child, Program, describe_end, stop_together
from faultreporter.localstack.console import Console
from faultreporter.localstack.errors import StackError
from faultreporter.localstack.places import Place
from faultreporter.localstack.record import Record
from faultreporter.localstack.servers import last_lines

LOOK_EVERY = 0.2  # seconds
READY_WITHIN = 60.0


class Stopped(Exception):
    """Raised out of a wait when a stop signal came."""


class Supervisor:
    """Starts children, starts them again when they end, and ends them all in order."""

    def __init__(self, place: Place, record: Record, console: Console) -> None:
        self.place = place
        self.record = record
        self.console = console
        self.children: list[Child] = []
        self.stopping = threading.Event()
        self.signals = 0
        self.starter = os.getppid() if "MAKELEVEL" in os.environ else None

    def listen(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self.on_signal)
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # nohup
            signal.signal(signal.SIGHUP, self.on_signal)

    def on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.signals += 1
        self.stopping.set()

    def adopt(self, children: Iterable[Child]) -> None:
        """Watch over servers that run already."""
        self.children += children

    def start(self, programs: Iterable[Program], *, quiet: bool = False) -> None:
        for program in programs:
            self.console.follow(program.name, program.log, quiet=quiet)
            child = Child(program)
            self.children.append(child)
            self.begin(child)

    def begin(self, child: Child) -> None:
        child.start()
        self.record.children[child.name] = (child.pid, child.born)
        self.record.write(self.place)

    def watch(self) -> None:
        """Until a stop signal comes."""
        with suppress(Stopped):
            self.wait_for(lambda: False, within=float("inf"))

    def wait_for(self, is_done: Callable[[], bool], *, within: float) -> bool:
        """Keep everything running until `is_done` or the time is over. Raises Stopped."""
        until = time.monotonic() + within
        while not is_done():
            if self.stopping.wait(LOOK_EVERY):
                raise Stopped
            if time.monotonic() > until:
                return False
            self.look()
        return True

    def look(self) -> None:
        if self.starter not in (None, os.getppid()):  # `make` was killed, and took the terminal's Ctrl-C with it
            self.stopping.set()
        for child in self.children:
            self.tend(child)
        self.console.show_logs()

    def tend(self, child: Child) -> None:
        if child.is_running:
            status = child.ended()
            if status is not None:
                pause = child.pause()
                child.start_at = time.monotonic() + pause
                self.console.say(f"{child.name} ended ({describe_end(status)}); it starts again in {pause:.1f} s.")
        elif time.monotonic() >= child.start_at:
            self.begin(child)

    def complete(self, program: Program) -> None:
        """Run a command to its end, while the servers are kept alive. Raises StackError with its last words."""
        child = Child(program)
        self.begin(child)
        try:
            self.wait_for(lambda: child.ended() is not None, within=float("inf"))
        finally:
            stop_together([child], hurry=self.hurried)
            self.record.children.pop(child.name)
        if child.status:
            raise StackError(f"{program.name} failed ({describe_end(child.status)}):\n{last_lines(program.log, 25)}")
        self.console.say(f"{program.name} is done ({time.monotonic() - child.started_at:.1f} s).")

    def wait_until_healthy(self, url: str, *, within: float = READY_WITHIN) -> None:
        answers: list[str] = []

        def healthy() -> bool:
            answers.append(ask(url))
            return answers[-1] == ""

        if not self.wait_for(healthy, within=within):
            self.console.say(f"{url} does not say that all is well yet: {answers[-1]}")

    def hurried(self) -> bool:
        """A second Ctrl-C."""
        return self.signals > 1

    def stop_all_but(self, servers: Iterable[Child]) -> None:
        """The product's processes, while the servers they need still run."""
        kept = list(servers)
        stop_together([child for child in self.children if child not in kept], hurry=self.hurried)
        self.console.show_logs()


def ask(url: str) -> str:
    """Empty when the address answers 200, else what it said instead."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - our own http address
            return "" if answer.status == 200 else f"status {answer.status}"
    except urllib.error.HTTPError as error:
        return f"status {error.code}: {error.read(500).decode(errors='replace')}"
    except OSError as error:
        return str(error)
