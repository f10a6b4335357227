"""What is measured: the requests that phones and managers make all day."""

import itertools
import random
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.utils import timezone


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    body: dict[str, Any] | bytes = b""


@dataclass(frozen=True)
class Case:
    """A name, and an endless supply of requests of its kind."""

    name: str
    requests: Callable[[], Iterator[Request]]


def cases(equipment_ids: list[str]) -> list[Case]:
    rng = random.Random(7)
    run = timezone.now().strftime("%H%M%S")
    numbers = itertools.count()

    def repeated(path: Callable[[], str]) -> Callable[[], Iterator[Request]]:
        return lambda: (Request("GET", "/api/v1" + path()) for _ in itertools.count())

    def creations() -> Iterator[Request]:
        for number in numbers:
            body = {"equipment_code": f"B-{run}-{number}", "equipment_name": "Bench unit", "manufacturer": "Voltara"}
            yield Request("POST", "/api/v1/equipment", body)

    now = timezone.now()

    def span(days: int) -> str:
        return urllib.parse.urlencode({"from": (now - timedelta(days=days)).isoformat(), "to": now.isoformat()})

    statuses = ("OPEN", "ACKNOWLEDGED", "RESOLVED")
    return [
        Case("equipment list", repeated(lambda: f"/equipment?page={rng.randint(1, 20)}")),
        Case("equipment detail", repeated(lambda: f"/equipment/{rng.choice(equipment_ids)}")),
        Case("equipment search", repeated(lambda: f"/equipment?search=EQ-00{rng.randint(0, 29):02d}")),
        Case("equipment create", creations),
        Case("alerts list", repeated(lambda: f"/alerts?page={rng.randint(1, 20)}&status={rng.choice(statuses)}")),
        Case("work-orders list", repeated(lambda: f"/work-orders?page={rng.randint(1, 20)}&status=COMPLETED")),
        Case("history of 100", repeated(lambda: f"/equipment/{rng.choice(equipment_ids)}/iot-data?limit=100")),
        Case(
            "latest of 500",
            repeated(lambda: f"/iot-data/latest?equipment_ids={','.join(rng.sample(equipment_ids, 500))}"),
        ),
        Case(
            "year by day",
            repeated(
                lambda: (
                    f"/iot-data/aggregate?equipment_id={rng.choice(equipment_ids)}"
                    f"&metric=temperature&bucket=1d&{span(365)}"
                )
            ),
        ),
        Case(
            "chart of a week",
            repeated(lambda: f"/iot-data/chart?equipment_id={rng.choice(equipment_ids)}&metric=temperature&{span(7)}"),
        ),
    ]
