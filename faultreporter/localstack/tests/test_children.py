import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from faultreporter.localstack import census, children
from faultreporter.localstack.account import Account
from faultreporter.localstack.children import Child, Program, describe_end, stop_together
from faultreporter.localstack.environment import CHECKOUT
from faultreporter.localstack.tests.waiting import wait_until

LEAVES_A_GRANDCHILD = (
    "import subprocess, sys, time; subprocess.Popen(['sleep', '60']); print('started', flush=True); time.sleep(60)"
)
IGNORES_SIGTERM = "import signal, time; signal.signal(15, signal.SIG_IGN); print('started', flush=True); time.sleep(60)"


def python(code: str, tmp_path: Path, *, grace: float = 10) -> Child:
    return Child(
        Program(
            name="child",
            command=[sys.executable, "-c", code],
            environment=dict(os.environ),
            directory=tmp_path,
            log=tmp_path / "log" / "child.log",
            account=Account("me"),
            grace=grace,
        )
    )


def has_started(child: Child) -> bool:
    return "started" in child.program.log.read_text()


@pytest.fixture
def grandparent(tmp_path: Path) -> Iterator[Child]:
    child = python(LEAVES_A_GRANDCHILD, tmp_path)
    child.start()
    wait_until(lambda: has_started(child))
    yield child
    stop_together([child], hurry=lambda: True)


def test_a_child_writes_its_log_and_its_end_is_told_once(tmp_path: Path) -> None:
    child = python("print('hello'); raise SystemExit(3)", tmp_path)

    child.start()
    wait_until(lambda: child.ended() is not None)

    assert child.program.log.read_text() == "hello\n"
    assert (child.status, child.is_running, child.ended()) == (3, False, None)


def test_what_a_killed_child_left_behind_goes_with_it(grandparent: Child) -> None:
    assert len(census.session_of(grandparent.pid)) == 2

    os.kill(grandparent.pid, signal.SIGKILL)
    wait_until(lambda: grandparent.ended() == -signal.SIGKILL)

    assert census.session_of(grandparent.pid) == []


def test_a_child_that_does_not_stop_is_killed_when_its_grace_is_over(tmp_path: Path) -> None:
    child = python(IGNORES_SIGTERM, tmp_path, grace=0.3)
    child.start()
    wait_until(lambda: has_started(child))

    stop_together([child], hurry=lambda: False)

    assert child.status == -signal.SIGKILL


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux signals the children of a dead parent")
def test_children_do_not_outlive_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    code = f"""
import os, sys, time
from pathlib import Path
sys.path.insert(0, {str(CHECKOUT)!r})
from faultreporter.localstack.tests.test_children import python
child = python("import time; time.sleep(60)", Path({str(tmp_path)!r}))
child.start()
print(child.pid, flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=CHECKOUT) as supervisor:
        assert supervisor.stdout
        pid = int(supervisor.stdout.readline())
        assert census.born(pid)

        supervisor.kill()

    wait_until(lambda: not census.born(pid))


def test_the_pause_grows_while_a_child_keeps_falling_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    child = python("", tmp_path)
    child.started_at = time.monotonic()

    pauses = [child.pause() for _ in range(8)]

    assert pauses == [0.5, 1, 2, 4, 8, 10, 10, 10]
    monkeypatch.setattr(children, "STEADY_AFTER", -1.0)
    assert child.pause() == 0.25


def test_an_end_is_described() -> None:
    assert describe_end(-9) == "killed by SIGKILL"
    assert describe_end(1) == "exit status 1"


def test_both_process_lists_agree() -> None:
    me = os.getpid()

    by_ps = {process.pid: process for process in census.from_ps()}

    assert me in by_ps
    assert "python" in by_ps[me].command.lower() or "pytest" in by_ps[me].command
    assert census.born(me)
    assert census.born(2**22 + 1) == ""
