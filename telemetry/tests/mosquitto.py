"""A real Mosquitto, the bridge as a process, and a gateway that sends in a burst. bench/mqtt.py uses them, too."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from django.db import connection
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

CHECKOUT = Path(__file__).resolve().parents[2]
BINARY = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
CONFIGURATION = """\
listener {port} 127.0.0.1
allow_anonymous true
persistence true
persistence_location {directory}/
max_queued_messages 0
max_inflight_messages 0
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(holds: Callable[[], Any], what: str, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, f"{what} did not happen within {seconds:.0f} s"
        time.sleep(0.05)


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Mosquitto:
    """On a free port, with a directory of its own to keep sessions and messages in."""

    def __init__(self, directory: Path, more: str = "") -> None:
        self.port, self.directory = free_port(), directory
        self.file = directory / "mosquitto.conf"
        user = "user root\n" if os.getuid() == 0 else ""
        self.file.write_text(user + CONFIGURATION.format(port=self.port, directory=directory) + more)
        self.start()

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    def start(self) -> None:
        with (self.directory / "mosquitto.log").open("ab") as log:
            self.process = subprocess.Popen([str(BINARY), "-c", str(self.file)], stdout=log, stderr=log)
        wait_until(lambda: is_open(self.port), "the start of Mosquitto")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)

    def restart(self) -> None:
        self.stop()
        self.start()


def database_url() -> str:
    """Of the database this process uses, which in tests isn't the configured one."""
    used = connection.settings_dict
    options = {"host": used["HOST"], "port": str(used["PORT"]), "user": used["USER"], "password": used["PASSWORD"]}
    return f"postgresql:///{quote(used['NAME'])}?{urlencode({name: to for name, to in options.items() if to})}"


class BridgeProcess:
    """`manage.py mqtt_bridge`, as an operator runs it."""

    def __init__(self, broker: Mosquitto, **more: str) -> None:
        self.log = broker.directory / "bridge.log"
        spoken = {"LOG_LEVEL": "INFO"}  # what wait_for reads, whatever the process that starts it says itself
        self.environment = {**os.environ, **spoken, "MQTT_URL": broker.url, "DATABASE_URL": database_url(), **more}
        self.start()

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "mqtt_bridge"],
                cwd=CHECKOUT,
                env=self.environment,
                stdout=log,
                stderr=log,
            )

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30)

    def wait_for(self, words: str, seconds: float = 30) -> None:
        wait_until(lambda: words in self.log.read_text(), f"{words!r} in the bridge's log", seconds)


class GatewayOnMqtt:
    """Sends one reading a message, QoS 1, and sends again what the broker hasn't acknowledged."""

    def __init__(self, broker: Mosquitto, device_id: str) -> None:
        self.topic = f"fr/v1/{device_id}/telemetry"
        self.acknowledged = 0
        self.errors: list[Any] = []
        self.client = Client(CallbackAPIVersion.VERSION2, client_id=device_id, clean_session=False)
        self.client.on_publish = self._published
        self.client.on_message = lambda _c, _d, message: self.errors.append(json.loads(message.payload))
        self.client.on_connect = lambda client, *_: client.subscribe(f"fr/v1/{device_id}/errors")
        self.client.reconnect_delay_set(1, 1)
        self.client.max_inflight_messages_set(500)
        self.client.connect("127.0.0.1", broker.port)
        self.client.loop_start()

    def _published(self, *_: Any) -> None:
        self.acknowledged += 1

    def send(self, body: Any, *, topic: str = "", qos: int = 1) -> None:
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.client.publish(topic or self.topic, payload, qos=qos)

    def burst(self, code: str, count: int, *, since: datetime) -> None:
        """As fast as the broker acknowledges: paho has 65,535 numbers, and would overwrite messages that wait."""
        before = self.acknowledged
        for number in range(count):
            while number - (self.acknowledged - before) > 2_000:
                time.sleep(0.005)
            at = since + timedelta(milliseconds=number)
            self.send({"equipment_code": code, "metric": "temperature", "value": 20.5, "recorded_at": at.isoformat()})

    def stop(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()
