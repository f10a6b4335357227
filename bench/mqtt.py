"""`python -m bench mqtt`: a burst of messages through a real Mosquitto; bridge and broker are restarted in it.

A gateway sends COUNT messages of one reading each, QoS 1. At a third the bridge is killed with -9, at half the broker
is restarted, at two thirds the bridge is killed again. Gateway, broker, bridge and PostgreSQL share the machine. It
wants a database of its own: python -m faultreporter.localstack exec -- python -m bench mqtt
"""

import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from threading import Thread

from django.core.management import call_command
from django.utils import timezone

COUNT = 100_000


def run(arguments: list[str]) -> int:
    from equipment.tests.factories import EquipmentFactory  # noqa: PLC0415 - Django must be set up first
    from telemetry.models import MqttBridge, Reading  # noqa: PLC0415
    from telemetry.tests.factories import MetricFactory, issue_key  # noqa: PLC0415
    from telemetry.tests.mosquitto import BINARY, BridgeProcess, GatewayOnMqtt, Mosquitto, wait_until  # noqa: PLC0415

    count = int(arguments[0]) if arguments else COUNT
    if BINARY is None:
        sys.exit("There is no Mosquitto on this machine: apt install mosquitto")
    call_command("migrate", "--noinput", verbosity=0)
    MetricFactory()
    machine = EquipmentFactory()
    issue_key(device_id="bench", all_equipment=True)
    stored = Reading.objects.filter(series__equipment=machine)

    def quiet_burst(disturb: bool) -> tuple[float, float]:
        since = timezone.now() - timedelta(days=1 + disturb)
        before, started = stored.count(), time.monotonic()
        gateway = GatewayOnMqtt(broker, "bench")
        sending = Thread(target=gateway.burst, args=[machine.equipment_code, count], kwargs={"since": since})
        sending.start()
        if disturb:
            disturbances(gateway)
        wait_until(lambda: gateway.acknowledged >= count, "all acknowledgements", 600)
        sent = time.monotonic() - started
        wait_until(lambda: stored.count() - before >= count, "all readings", 600)
        took = time.monotonic() - started
        gateway.stop()
        return sent, took

    def disturbances(gateway: GatewayOnMqtt) -> None:
        wait_until(lambda: gateway.acknowledged > count // 3, "a third", 600)
        bridge.kill()
        bridge.start()
        wait_until(lambda: gateway.acknowledged > count // 2, "half", 600)
        broker.restart()
        wait_until(lambda: gateway.acknowledged > count * 2 // 3, "two thirds", 600)
        bridge.kill()
        bridge.start()

    with tempfile.TemporaryDirectory() as directory:
        broker = Mosquitto(Path(directory))
        bridge = BridgeProcess(broker)
        bridge.wait_for("mqtt_connected")
        for disturb in (False, True):
            sent, took = quiet_burst(disturb)
            what = "bridge killed twice, broker restarted" if disturb else "undisturbed"
            print(
                f"{what}: {count:,} acknowledged in {sent:.1f} s, stored in {took:.1f} s: {count / took:,.0f}/s",
                flush=True,
            )
        time.sleep(2)
        code = bridge.stop()
        broker.stop()
    counts = MqttBridge.objects.values(
        "messages", "accepted", "duplicate", "conflict", "rejected", "dead_letters"
    ).get()
    print(f"stored {stored.count():,} of {2 * count:,}; the bridge ended with {code} and counted {counts}")
    print("(what a killed bridge had counted since its last report, up to 10 s before, isn't in those counts)")
    return 0 if stored.count() == 2 * count else 1
