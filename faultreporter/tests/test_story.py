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
        ["bash", "-euo", "pipefail", "-c", readme_story()],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "the same code again: 409" in done.stdout
    assert '"field":"equipment_code"' in done.stdout
    for line in (
        r"WO-\d{4}-\d{6} ASSIGNED",
        r"PUMP-\d+ ERROR",
        r"RESOLVED FIXED",
        r"PUMP-\d+ ONLINE",
        r"\{'failure_count': 1, 'mtbf_hours': [\d.]+, 'mttr_hours': [\d.]+, 'availability': 0\.\d+\}",
        r"Pump vibrates MEDIUM",
    ):
        assert re.search(f"^{line}$", done.stdout, re.MULTILINE), done.stdout
