import json
import random
import time
import urllib.error
import urllib.request
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from equipment.models import Equipment
from faultreporter.demo import readings
from faultreporter.demo.machines import BY_CATEGORY


class Command(BaseCommand):
    help = "Plays the demo's gateway: live readings through the public API, until interrupted."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--every", type=float, default=5.0, help="seconds between two batches")
        parser.add_argument("--batches", type=int, default=0, help="stop after so many; 0 goes on")

    def handle(self, *_args: Any, **options: Any) -> None:
        demo = self.credentials()
        machines = readings.watched(list(Equipment.objects.select_related("category").order_by("equipment_code")))
        rng = random.Random()
        sent = 0
        while not options["batches"] or sent < options["batches"]:
            self.send(demo, self.batch(machines, rng))
            sent += 1
            time.sleep(options["every"])

    @staticmethod
    def credentials() -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads((settings.STATE_DIR / "demo.json").read_text())
        except FileNotFoundError as error:
            raise CommandError("There is no demo.json; start the local stack first (make run).") from error
        return found

    @staticmethod
    def batch(machines: list[Equipment], rng: random.Random) -> list[dict[str, Any]]:
        now = timezone.now()
        stamp = now.isoformat().replace("+00:00", "Z")
        return [
            {
                "equipment_code": machine.equipment_code,
                "metric": metric,
                "value": readings.value_at(machine, metric, now, now=now, rng=rng),
                "recorded_at": stamp,
            }
            for machine in machines
            for metric in BY_CATEGORY[machine.category.code if machine.category else ""].metrics
        ]

    def send(self, demo: dict[str, Any], batch: list[dict[str, Any]]) -> None:
        request = urllib.request.Request(  # noqa: S310 - our own address, from demo.json
            f"{demo['base_url']}/api/v1/iot-data",
            data=json.dumps({"readings": batch}).encode(),
            headers={"Content-Type": "application/json", "X-Device-Key": demo["device_key"]},
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310 - as above
                counts = json.load(response)["data"]
                self.stdout.write(f"{timezone.now():%H:%M:%S}  {counts['accepted']} readings accepted")
        except (urllib.error.URLError, TimeoutError) as error:
            self.stderr.write(f"{timezone.now():%H:%M:%S}  not sent: {error}")
