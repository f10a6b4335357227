"""Who isn't on the team: other systems that are told what happens, and a passer-by who scanned a code."""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from alerts.models import Alert, AlertEvent, TimelineEvent
from alerts.models.timeline import PRIVATE
from alerts.services import report_fault
from equipment.models import Equipment
from faultreporter.demo.people import Team
from faultreporter.webhooks import signatures
from faultreporter.webhooks.catalogue import EVERYTHING, name_of
from faultreporter.webhooks.models import Webhook, WebhookAttempt, WebhookDelivery, WebhookEvent
from workorders.models import WorkOrderEvent

TOLD_OF_EACH = 60
OUTAGE = timedelta(days=5)
TRIES = 10
State, Reason = WebhookDelivery.State, WebhookDelivery.Reason


def appear(fleet: Sequence[Equipment], team: Team, *, now: datetime, rng: random.Random) -> None:
    pass_by(fleet, now=now)
    add(team, description="Team chat", url="https://chat.demo.example/hooks/faults", events=["work_order.closed"])
    deaf = add(team, description="Building management", url="https://bms.demo.example/in", events=[EVERYTHING])
    tell(deaf, [*happened(now - OUTAGE), *happened(now)], until=now - OUTAGE, rng=rng)
    deaf.switch_off(at=now - timedelta(hours=3), reason="Nothing but failures for 5 days.")


def pass_by(fleet: Sequence[Equipment], *, now: datetime) -> None:
    at = now - timedelta(minutes=50)
    lift = next((one for one in fleet if one.category and one.category.code == "ELEVATOR"), fleet[0])
    report_fault(
        equipment=lift, title="Reported by a passer-by", source=Alert.Source.PUBLIC, by=None, at=at,
        description="The door opens and closes again and again. Nobody is inside.",
        data={PRIVATE: {"name": "Paula Vance", "contact": "paula@visitor.example"}},
    )  # fmt: skip


def add(team: Team, **fields: Any) -> Webhook:
    secret = signatures.sealed(signatures.new_secret())
    return Webhook.objects.create(secret=secret, created_by=team.admin, created_at=team.since, **fields)


def happened(now: datetime) -> list[TimelineEvent]:
    """The newest lines of the five days before, oldest first."""
    alerts = AlertEvent.objects.filter(at__range=(now - OUTAGE, now)).select_related("alert__equipment", "by")
    orders = WorkOrderEvent.objects.filter(at__range=(now - OUTAGE, now)).select_related("work_order__equipment", "by")
    lines = [line for rows in (alerts, orders) for line in rows.order_by("-at", "-id")[:TOLD_OF_EACH]]
    return sorted(lines, key=lambda line: line.at)


def tell(webhook: Webhook, lines: list[TimelineEvent], *, until: datetime, rng: random.Random) -> None:
    """What was sent: all arrived until the receiver went away, five days ago."""
    events = WebhookEvent.objects.bulk_create(map(event_of, lines))
    deliveries = [delivery_of(webhook, event, arrived=event.occurred_at < until) for event in events]
    WebhookDelivery.objects.bulk_create(deliveries)
    WebhookAttempt.objects.bulk_create(attempt for one in deliveries for attempt in attempts_at(one, rng))


def event_of(line: Any) -> WebhookEvent:
    record = line.alert if isinstance(line, AlertEvent) else line.work_order
    return WebhookEvent(
        type=name_of(record.NEWS, line.kind), subject=f"{record.NEWS}:{record.pk}", data=record.news(line),
        occurred_at=line.at, created_at=line.at,
    )  # fmt: skip


def delivery_of(webhook: Webhook, event: WebhookEvent, *, arrived: bool) -> WebhookDelivery:
    at = event.occurred_at
    return WebhookDelivery(
        webhook=webhook, event=event, created_at=at, state=State.SUCCEEDED if arrived else State.DEAD,
        attempts=1 if arrived else TRIES, finished_at=at, next_attempt_at=at,
        last_status=204 if arrived else 503, last_reason=Reason.DELIVERED if arrived else Reason.STATUS,
    )  # fmt: skip


def attempts_at(delivery: WebhookDelivery, rng: random.Random) -> list[WebhookAttempt]:
    """The first tries of each; the later ones would fill pages."""
    answer = "" if delivery.state == State.SUCCEEDED else "<h1>503 Service Unavailable</h1>"
    return [
        WebhookAttempt(
            delivery=delivery, at=delivery.created_at + timedelta(seconds=5 * 4**number - 5), answer=answer,
            status=delivery.last_status, reason=delivery.last_reason, milliseconds=rng.randint(40, 400),
        )
        for number in range(delivery.attempts)
    ]  # fmt: skip
