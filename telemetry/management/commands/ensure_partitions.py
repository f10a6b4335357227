from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from telemetry.store.partitions import count_caught, ensure_partitions


class Command(BaseCommand):
    help = "Make the monthly partitions of iot_data that are missing. Beat does it every night, migrate at its end."

    def handle(self, *args: Any, **options: Any) -> None:
        made = ensure_partitions(at=timezone.now())
        self.stdout.write(f"{len(made)} partitions made{': ' if made else '.'}{', '.join(made)}")
        if caught := count_caught():
            self.stderr.write(f"{caught} rows lie in default partitions: their month has none.")
