import signal
from typing import Any

from django.core.management.base import BaseCommand

from faultreporter.outbox.duties import registered
from faultreporter.outbox.relay import Relay


class Command(BaseCommand):
    help = "Carry outbox messages to the broker until told to stop (SIGTERM, SIGINT). Any number may run."
    requires_system_checks = []  # it has no use for addresses, pages and forms

    def handle(self, *_args: Any, **_options: Any) -> None:
        relay = Relay(duties=registered)
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: relay.stop())
        relay.run()
