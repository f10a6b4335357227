"""What the person at the keyboard reads: the stack's own words, and the processes' logs with their names in front."""

import os
import re
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

LONGEST_LOG = 20_000_000  # bytes; then it starts again, and one older part stays as *.log.1
COLOURS = (36, 33, 35, 34, 32, 96)
OWN_NAME = "stack"
ROUTINE = re.compile(r"\[(info|debug) *\]", re.IGNORECASE)


class LogTail:
    """The lines a log has grown by since the last look."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.offset = path.stat().st_size if path.exists() else 0

    def new_lines(self) -> list[str]:
        if not self.path.exists():
            return []
        with self.path.open("rb") as log:
            if log.seek(0, os.SEEK_END) < self.offset:
                self.offset = 0
            log.seek(self.offset)
            whole, newline, _ = log.read().rpartition(b"\n")
        self.offset += len(whole) + len(newline)
        if self.offset > LONGEST_LOG:
            self.turn()
        return whole.decode(errors="replace").split("\n") if newline else []

    def turn(self) -> None:
        # The writers append, so they go on at the new end.
        shutil.copyfile(self.path, self.path.with_suffix(".log.1"))
        os.truncate(self.path, 0)
        self.offset = 0


class Console:
    """Writes lines; never fails, because the terminal may be gone while children still have to be stopped."""

    def __init__(self, width: int = 8) -> None:
        self.width = width
        self.colours: dict[str, int] = {}
        self.coloured = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        self.tails: dict[str, LogTail] = {}
        self.quiet: set[str] = set()

    def follow(self, name: str, log: Path, *, quiet: bool = False) -> None:
        """Show what a process logs; when quiet, only what isn't routine."""
        self.tails[name] = LogTail(log)
        if quiet:
            self.quiet.add(name)

    def show_logs(self) -> None:
        for name, tail in self.tails.items():
            for line in tail.new_lines():
                if name not in self.quiet or not ROUTINE.search(line):
                    self.line(name, line)

    def say(self, text: str) -> None:
        for line in text.splitlines():
            self.line(OWN_NAME, line)

    def line(self, name: str, text: str) -> None:
        head = f"{name:<{self.width}}|"
        if self.coloured:
            colour = self.colours.setdefault(name, COLOURS[len(self.colours) % len(COLOURS)])
            head = f"\033[{colour}m{head}\033[0m"
        self.write([f"{head} {text}\n"])

    def block(self, lines: Iterable[str]) -> None:
        self.write([f"  {line}".rstrip() + "\n" for line in lines])

    def write(self, lines: Iterable[str]) -> None:
        try:
            sys.stdout.writelines(lines)
            sys.stdout.flush()
        except OSError:
            sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - for the rest of the process
