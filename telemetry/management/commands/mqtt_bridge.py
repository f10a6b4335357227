import signal
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from telemetry.mqtt.bridge import Bridge
from telemetry.mqtt.connection import Connection
from telemetry.mqtt.inbox import Inbox


class Command(BaseCommand):
    help = "Carry messages of gateways from the MQTT broker into the readings until told to stop (SIGTERM, SIGINT)."
    requires_system_checks = []  # it has no use for addresses, pages and forms

    def handle(self, *_args: Any, **_options: Any) -> None:
        if not settings.MQTT_URL:
            raise CommandError("Set MQTT_URL: mqtt://user:password@host:1883, or mqtts:// with TLS.")
        inbox = Inbox()
        broker = Connection(
            settings.MQTT_URL,
            client_id=settings.MQTT_CLIENT_ID,
            inbox=inbox,
            share=settings.MQTT_SHARE,
            ca_file=settings.MQTT_CA_FILE,
        )
        bridge = Bridge(broker, inbox)
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: bridge.stop())
        bridge.run()
