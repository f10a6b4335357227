"""The whole product, started as `make run` starts it, in a directory of its own."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import requests

CHECKOUT = Path(__file__).resolve().parents[2]
DECIDED_ELSEWHERE = {"DATABASE_URL", "REDIS_URL", "PUBLIC_URL", "STREAM_URL", "FR_TEST_DB", "DJANGO_SETTINGS_MODULE"}
PATIENCE = 120.0

Found = TypeVar("Found")


def wait_for(probe: Callable[[], Found], what: str, seconds: float = PATIENCE) -> Found:
    """The first truthy answer; while the probe can't connect, that is no answer yet."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            if found := probe():
                return found
        except (requests.ConnectionError, requests.Timeout, OSError, KeyError, IndexError):
            pass
        time.sleep(0.2)
    raise AssertionError(f"{what} did not happen within {seconds:.0f} s")


class RunningStack:
    """Servers, web, worker, beat and relay of one supervisor, and how to talk to them."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="fr-stack-"))
        self.directory.chmod(0o711)
        self.state = self.directory / "state"
        inherited = {name: value for name, value in os.environ.items() if name not in DECIDED_ELSEWHERE}
        self.environment = {
            **inherited,
            "ENV_FILE": "no-such-file",
            "STATE_DIR": str(self.state),
            "LOCAL_STACK_DIR": str(self.directory / "servers"),
            "PORT": str(20_000 + os.getpid() % 20_000),  # another run of the tests has its own
            "RATE_LIMIT_PER_MINUTE": "100000",
            "ESCALATION_GRACE_SECONDS": "20",
        }
        self.demo: dict[str, Any] = {}
        self.log = (self.directory / "stack.log").open("ab")
        self.process = self.start()

    def command(self, action: str) -> list[str]:
        return [sys.executable, "-m", "faultreporter.localstack", action]

    def start(self) -> "subprocess.Popen[bytes]":
        process = subprocess.Popen(
            self.command("run"), cwd=CHECKOUT, env=self.environment, stdout=self.log, stderr=self.log
        )
        self.process = process
        try:
            wait_for(self.is_up, "the start of the stack")
        except AssertionError:
            sys.stderr.write((self.directory / "stack.log").read_text()[-4000:])
            raise
        return process

    def is_up(self) -> bool:
        if self.process.poll() is not None:
            raise AssertionError((self.directory / "stack.log").read_text()[-4000:])
        self.demo = json.loads((self.state / "demo.json").read_text())
        return requests.get(f"{self.demo['base_url']}/health/ready", timeout=5).ok

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)
        self.process.wait(60)

    def remove(self) -> None:
        if self.process.poll() is None:
            self.stop()
        self.log.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def token(self, role: str) -> str:
        return str(next(user["token"] for user in self.demo["users"] if user["role"] == role))

    def call(self, method: str, path: str, body: Any = None, *, role: str = "MANAGER", **headers: str) -> Any:
        """The answer of `/api/v1{path}`, a server that isn't there raising like any client's would."""
        return requests.request(
            method,
            f"{self.demo['base_url']}/api/v1{path}",
            json=body,
            headers={"Authorization": f"Bearer {self.token(role)}", **headers},
            timeout=30,
        )

    def data(self, path: str, **options: Any) -> Any:
        answer = self.call("GET", path, **options)
        answer.raise_for_status()
        return answer.json()["data"]

    def pids(self, name: str) -> list[int]:
        """The processes whose `status` line bears this name."""
        status = subprocess.run(
            self.command("status"), cwd=CHECKOUT, env=self.environment, capture_output=True, text=True, check=False
        )
        lines = (line.split() for line in status.stdout.splitlines())
        return [int(words[2]) for words in lines if len(words) == 3 and words[:2] == [name, "process"]]

    def kill(self, name: str) -> None:
        pids = self.pids(name)
        assert pids, f"no process {name} to kill"
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
