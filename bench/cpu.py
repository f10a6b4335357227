"""Seconds of processor time, read from /proc: the honest figure on a machine that server and client share."""

import os
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")


def fields(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def tree(root: int) -> set[int]:
    """The process and everything below it."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                children.setdefault(int(fields(int(entry.name))[1]), []).append(int(entry.name))
            except (FileNotFoundError, ProcessLookupError):
                continue
    found, waiting = {root}, [root]
    while waiting:
        below = children.get(waiting.pop(), [])
        found.update(below)
        waiting += below
    return found


def spent(root: int) -> float:
    """User and system seconds of the whole tree, the ended children it has waited for included."""
    total = 0
    for pid in tree(root):
        try:
            found = fields(pid)
        except (FileNotFoundError, ProcessLookupError):
            continue
        own = int(found[11]) + int(found[12])
        total += own + (int(found[13]) + int(found[14]) if pid == root else 0)
    return total / TICK
