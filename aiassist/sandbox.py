"""Papers and pictures from strangers are read in a child process: what loops or grows is killed, the worker lives."""

import json
import struct
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from aiassist import sandboxed

MEMORY_MB: Final = 700
"""Of address space, which libraries and their threads take up before they use it."""

PAPER_SECONDS: Final = 60
PICTURE_SECONDS: Final = 8
MOST_PAGES: Final = 2000
MOST_CODES: Final = 20
LONGEST_CODE: Final = 1000
REASONS: Final = {code: name for name, code in sandboxed.FAILED.items()}
CPU_LIMIT_REACHED: Final = {-9, -24}


class ReadingFailed(Exception):
    """`reason`: ENCRYPTED, DAMAGED, TOO_MANY_PAGES, MEMORY, TIME or CRASHED."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def page_texts(paper: bytes, *, longest_page: int, seconds: int = PAPER_SECONDS) -> list[str]:
    """The text of each page of a PDF; empty where a page has none."""
    pages: list[str] = json.loads(run("text", paper, MOST_PAGES, longest_page, seconds=seconds))
    return pages


def page_picture(paper: bytes, *, number: int, edge: int, title: str) -> bytes:
    """A page of a PDF, numbered from 0, as a JPEG with `title` at its top."""
    return run("render", paper, number, edge, title, seconds=PICTURE_SECONDS)


def titled_picture(picture: bytes, *, edge: int, title: str) -> bytes:
    """A picture, made smaller, as a JPEG with `title` at its top."""
    return run("label", picture, edge, title, seconds=PICTURE_SECONDS)


def codes_in(pictures: Sequence[bytes]) -> list[str]:
    """The texts of the QR codes in these JPEGs."""
    packed = b"".join(struct.pack(">I", len(picture)) + picture for picture in pictures)
    found: list[str] = json.loads(run("codes", packed, MOST_CODES, seconds=PICTURE_SECONDS))
    return [text[:LONGEST_CODE] for text in found]


def run(task: str, content: bytes, *options: Any, seconds: int) -> bytes:
    """What the child wrote. It gets no environment, so no key and no address of the database either."""
    command = [sys.executable, "-I", str(Path(sandboxed.__file__)), task, str(MEMORY_MB), str(seconds)]
    with tempfile.TemporaryFile() as written:
        try:
            done = subprocess.run(  # noqa: S603 - the command is ours, what strangers sent is its input
                [*command, *map(str, options)],
                input=content, stdout=written, stderr=subprocess.DEVNULL, env={}, cwd="/", timeout=seconds, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise ReadingFailed("TIME") from error
        if done.returncode:
            raise ReadingFailed(reason_for(done.returncode))
        written.seek(0)
        return written.read()


def reason_for(code: int) -> str:
    return "TIME" if code in CPU_LIMIT_REACHED else REASONS.get(code, "CRASHED")
