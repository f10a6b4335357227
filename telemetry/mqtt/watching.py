"""What health and metrics tell of the bridges."""

from collections.abc import Iterator

from django.conf import settings
from django.db import DatabaseError
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from faultreporter.api import metrics
from faultreporter.api.health import register_check, seen
from telemetry.models import MqttBridge


def health() -> str:
    """Of the one that was seen last."""
    bridge = MqttBridge.objects.newest()
    said = seen(bridge.seen_at if bridge else None)
    return said if said != "ok" or (bridge and bridge.is_connected) else "not connected to the MQTT broker"


class Bridges(Collector):
    """Asked of the database at every scrape; nothing while it doesn't answer, or where there is no bridge."""

    def collect(self) -> Iterator[Metric]:
        try:
            bridges = list(MqttBridge.objects.all())
        except DatabaseError:
            return
        connected = GaugeMetricFamily("mqtt_bridge_connected", "Whether it is subscribed", labels=["bridge"])
        seen_at = GaugeMetricFamily("mqtt_bridge_seen_seconds", "When it last gave a sign of life", labels=["bridge"])
        messages = CounterMetricFamily("mqtt_messages", "Messages taken from the broker", labels=["bridge"])
        readings = CounterMetricFamily("mqtt_readings", "What became of their readings", labels=["bridge", "result"])
        letters = CounterMetricFamily("mqtt_dead_letters", "Messages not stored in full", labels=["bridge"])
        for bridge in bridges:
            connected.add_metric([bridge.name], bridge.is_connected)
            seen_at.add_metric([bridge.name], bridge.seen_at.timestamp())
            messages.add_metric([bridge.name], bridge.messages)
            letters.add_metric([bridge.name], bridge.dead_letters)
            for result in ("accepted", "duplicate", "conflict", "rejected"):
                readings.add_metric([bridge.name, result], getattr(bridge, result))
        yield from (connected, seen_at, messages, readings, letters)


def register() -> None:
    metrics.further.append(Bridges())
    if settings.MQTT_URL:
        register_check("mqtt", health)
