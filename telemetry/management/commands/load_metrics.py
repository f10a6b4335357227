from typing import Any

from django.core.management.base import BaseCommand

from faultreporter.audit.context import acting
from faultreporter.audit.models import AuditLog
from telemetry.catalogue import load_metrics


class Command(BaseCommand):
    help = "Add the metrics the product comes with. Running it again adds nothing and overwrites nothing."

    def handle(self, *args: Any, **options: Any) -> None:
        with acting(by=None, source=AuditLog.Source.COMMAND):
            added = load_metrics()
        self.stdout.write(f"{len(added)} metrics added{': ' if added else '.'}{', '.join(added)}")
