"""The bridge against a real Mosquitto: what gateways send is stored once, whatever is killed meanwhile."""

import gzip
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from equipment.models import Equipment
from equipment.tests.factories import EquipmentFactory
from telemetry.models import DeadLetter, LatestReading, MqttBridge, Reading, Series
from telemetry.mqtt import watching
from telemetry.tests.factories import MetricFactory, issue_key
from telemetry.tests.mosquitto import BINARY, BridgeProcess, GatewayOnMqtt, Mosquitto, wait_until

pytestmark = [
    pytest.mark.stack,
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(BINARY is None, reason="no Mosquitto on this machine: apt install mosquitto"),
    pytest.mark.xdist_group("mqtt"),
]


@pytest.fixture
def machine() -> Equipment:
    MetricFactory()
    return EquipmentFactory(equipment_code="PUMP-1")


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    broker = Mosquitto(tmp_path)
    yield broker
    broker.stop()


@pytest.fixture
def bridge(broker: Mosquitto) -> Iterator[BridgeProcess]:
    bridge = BridgeProcess(broker)
    bridge.wait_for("mqtt_connected")
    yield bridge
    if bridge.process.poll() is None:
        bridge.kill()


@pytest.fixture
def gateway(broker: Mosquitto, machine: Equipment) -> Iterator[GatewayOnMqtt]:
    issue_key(device_id="gw-7", all_equipment=True)
    gateway = GatewayOnMqtt(broker, "gw-7")
    yield gateway
    gateway.stop()


def reading(**more: object) -> dict[str, object]:
    return {"equipment_code": "PUMP-1", "metric": "temperature", "value": 21.5, **more}


def test_it_works(bridge: BridgeProcess, gateway: GatewayOnMqtt, machine: Equipment) -> None:
    now = timezone.now()
    times = [(now - timedelta(seconds=n)).isoformat() for n in range(6)]

    gateway.send({"readings": [reading(recorded_at=times[0])]})
    gateway.send(reading(recorded_at=times[1]))
    gateway.send([reading(recorded_at=times[2]), reading(value=70, unit="[degF]", recorded_at=times[3])])
    gateway.send("\n".join(json.dumps(reading(recorded_at=at)) for at in times[4:]).encode())
    gateway.send(gzip.compress(json.dumps(reading()).encode()))

    wait_until(lambda: Reading.objects.count() == 7, "seven readings")
    assert LatestReading.objects.get().series.equipment == machine
    assert Series.objects.get().gateway.device_id == "gw-7"
    assert bridge.stop() == 0
    assert MqttBridge.objects.values_list("messages", "accepted", "dead_letters").get() == (5, 7, 0)


def test_killed_and_restarted_in_a_burst_everything_is_stored_once(
    broker: Mosquitto, bridge: BridgeProcess, gateway: GatewayOnMqtt
) -> None:
    count, since = 6_000, timezone.now() - timedelta(minutes=1)

    gateway.burst("PUMP-1", count, since=since)
    wait_until(lambda: Reading.objects.count() > 500, "the first readings")
    bridge.kill()
    bridge.start()
    wait_until(lambda: gateway.acknowledged > count // 2, "half of the messages")
    broker.restart()
    bridge.kill()
    bridge.start()

    wait_until(lambda: Reading.objects.count() >= count, "all readings")
    wait_until(lambda: gateway.acknowledged >= count, "all acknowledgements")
    assert bridge.stop() == 0
    assert Reading.objects.count() == count
    assert MqttBridge.objects.values_list("conflict", "rejected", "dead_letters").get() == (0, 0, 0)


def test_what_cannot_be_stored_is_kept_and_holds_up_nobody(bridge: BridgeProcess, gateway: GatewayOnMqtt) -> None:
    gateway.send(b"{not json")
    gateway.send(b"\x1f\x8bnot gzip")
    gateway.send(reading(), topic="fr/v1/nobody/telemetry")
    gateway.send(reading(), topic="fr/v1/-/telemetry")
    gateway.send([reading()] * 10_001)
    gateway.send([reading(), reading(metric="mood")])

    wait_until(lambda: DeadLetter.objects.count() == 6, "six dead letters")
    assert Reading.objects.count() == 1
    assert set(DeadLetter.objects.values_list("reason", "device_id")) == {
        ("UNREADABLE", "gw-7"),
        ("UNKNOWN_DEVICE", "nobody"),
        ("BAD_TOPIC", ""),
        ("TOO_LARGE", "gw-7"),
        ("REFUSED", "gw-7"),
    }
    wait_until(lambda: len(gateway.errors) == 4, "what the device is told")
    assert [one["unusable"] for one in gateway.errors if "unusable" in one] == ["UNREADABLE", "UNREADABLE", "TOO_LARGE"]
    (refused,) = [one["errors"] for one in gateway.errors if "errors" in one]
    assert [(error["index"], error["code"]) for error in refused] == [(1, "unknown_metric")]


def test_a_gateway_speaks_only_for_its_machines(broker: Mosquitto, bridge: BridgeProcess, machine: Equipment) -> None:
    issue_key(device_id="gw-8", equipment=[EquipmentFactory(equipment_code="FAN-1")])
    gateway = GatewayOnMqtt(broker, "gw-8")

    gateway.send(reading())
    gateway.send(reading(equipment_code="FAN-1"))

    wait_until(lambda: Reading.objects.exists() and DeadLetter.objects.exists(), "one of each")
    gateway.stop()
    assert Series.objects.get().equipment.equipment_code == "FAN-1"
    assert DeadLetter.objects.get().detail == "1: forbidden_device [0]"


def test_several_bridges_share_the_messages(broker: Mosquitto, gateway: GatewayOnMqtt) -> None:
    bridges = [BridgeProcess(broker, MQTT_SHARE="fr", MQTT_CLIENT_ID=f"bridge-{number}") for number in (1, 2)]
    wait_until(lambda: MqttBridge.objects.filter(is_connected=True).count() == 2, "both bridges")

    gateway.burst("PUMP-1", 400, since=timezone.now() - timedelta(minutes=1))

    wait_until(lambda: Reading.objects.count() == 400, "all readings")
    assert [bridge.stop() for bridge in bridges] == [0, 0]
    assert sum(MqttBridge.objects.values_list("messages", flat=True)) == 400
    assert all(MqttBridge.objects.values_list("messages", flat=True))


def test_health_and_metrics_tell_of_the_bridge(client: Client) -> None:
    assert watching.health() == "never seen"
    MqttBridge.objects.note("one", at=timezone.now(), is_connected=False, counts={"messages": 3})
    assert watching.health() == "not connected to the MQTT broker"
    MqttBridge.objects.note("one", at=timezone.now(), is_connected=True, counts={"messages": 4, "accepted": 5})
    assert watching.health() == "ok"

    text = client.get("/metrics").content.decode()

    assert 'mqtt_messages_total{bridge="one"} 7.0' in text
    assert 'mqtt_readings_total{bridge="one",result="accepted"} 5.0' in text


def test_without_a_broker_the_command_says_what_to_set() -> None:
    with pytest.raises(CommandError, match="MQTT_URL"):
        call_command("mqtt_bridge")
