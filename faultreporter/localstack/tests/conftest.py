import os
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from faultreporter.localstack.environment import CHECKOUT
from faultreporter.localstack.places import remove
from faultreporter.localstack.tests.waiting import wait_until

URLS = ("DATABASE_URL", "REDIS_URL", "EMBEDDED_SERVERS", "PUBLIC_URL", "STREAM_URL", "PORT", "STREAM_PORT", "MAKELEVEL")


@pytest.fixture
def reachable_path() -> Iterator[Path]:
    """A directory that other accounts can walk to, unlike pytest's own, below a long path."""
    top = Path(tempfile.mkdtemp(prefix="fr-test-")).resolve()
    top.chmod(0o711)
    long = top / ("a-rather-long-name-" * 6) / ("and another one, with blanks in it " * 4)
    for directory in (long.parent, long):
        directory.mkdir()
        directory.chmod(0o711)
    yield long
    remove(top)


@pytest.fixture
def stack_environment(monkeypatch: pytest.MonkeyPatch, reachable_path: Path) -> dict[str, str]:
    """The environment of somebody who has set nothing, but keeps everything below a directory of the test."""
    for name in URLS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ENV_FILE", "no-such-file.env")
    monkeypatch.setenv("LOCAL_STACK_DIR", str(reachable_path / "servers"))
    monkeypatch.setenv("STATE_DIR", str(reachable_path / "state"))
    monkeypatch.chdir(CHECKOUT)
    return dict(os.environ)


@pytest.fixture
def signals_restored() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def stop_when(signals_restored: None) -> Callable[[Callable[[], bool]], threading.Thread]:
    """Sends this process the SIGTERM of `docker stop` and the like, as soon as something is true."""

    def watch(is_true: Callable[[], bool]) -> threading.Thread:
        thread = threading.Thread(target=send_when, args=(is_true,))
        thread.start()
        return thread

    return watch


def send_when(is_true: Callable[[], bool]) -> None:
    try:
        wait_until(is_true)
    finally:
        os.kill(os.getpid(), signal.SIGTERM)
