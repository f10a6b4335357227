"""The main job against the running product: the README's own shell lines, and what they must have done."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from faultreporter.tests.running import CHECKOUT, RunningStack

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("stack")]


def readme_story() -> str:
    """The block below "The main job, with curl"."""
    text = (CHECKOUT / "README.md").read_text()
    found = re.search(r"## The main job, with curl.*?```sh\n(.*?)```", text, re.DOTALL)
    assert found
    return found[1]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not on this machine")
def test_the_readmes_story_succeeds_line_by_line(stack: RunningStack, tmp_path: Path) -> None:
    (tmp_path / ".local").symlink_to(stack.state)

    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", readme_story()], cwd=tmp_path, capture_output=True, text=True, timeout=240
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "the same code again: 409" in done.stdout
    assert '"field":"equipment_code"' in done.stdout
    told = done.stdout.splitlines()
    assert any(line.startswith("('WO-") and line.endswith("'ASSIGNED')") for line in told)
    assert "('RESOLVED', 'FIXED')" in told
    assert any(re.fullmatch(r"\('PUMP-\d+', 'ERROR'\)", line) for line in told)
    assert any(re.fullmatch(r"\('PUMP-\d+', 'ONLINE'\)", line) for line in told)
    assert any("'failure_count': 1" in line for line in told)
    assert "('Pump vibrates', 'MEDIUM')" in told
