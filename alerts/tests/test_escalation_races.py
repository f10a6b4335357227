"""Steps against people and against each other, over real connections: never a step after an acknowledgement."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.utils import timezone

from alerts import escalation
from alerts.models import Alert
from alerts.tests.factories import AlertFactory
from alerts.tests.parallel import AtOnce
from alerts.tests.policies import TELL_MANAGERS, WAIT_10, again, make_policy, wait
from equipment.models import Equipment
from equipment.tests.factories import EquipmentFactory
from faultreporter.accounts.models import User
from faultreporter.notifications.models import Notification

pytestmark = pytest.mark.django_db(transaction=True)
ALERTS = 12


def alerts_due(count: int = ALERTS) -> list[Alert]:
    """Raised twenty minutes ago, each on a machine of its own; the first step has been due for ten."""
    long_ago = timezone.now() - timedelta(minutes=20)
    place = EquipmentFactory.create().location
    machines: list[Equipment] = [EquipmentFactory.create(location=place) for _ in range(count)]
    return [AlertFactory.create(equipment=one, at=long_ago, occurred_at=long_ago) for one in machines]


def test_two_sweeps_at_once_do_each_step_once(at_once: AtOnce, mona: User) -> None:
    make_policy()
    alerts = alerts_due()
    now = timezone.now()

    done = at_once([partial(escalation.sweep, at=now, batch=3)] * 4)

    assert sum(done) == ALERTS
    assert Notification.objects.count() == ALERTS
    assert [alert.events.filter(kind="ESCALATED").count() for alert in alerts] == [1] * ALERTS


def test_wake_ups_and_sweeps_at_once_do_each_step_once(at_once: AtOnce, mona: User) -> None:
    make_policy(WAIT_10, TELL_MANAGERS, wait(5), again(3))
    (alert,) = alerts_due(1)
    row, now = alert.escalations.get(), timezone.now()
    wake = partial(escalation.advance_one, escalation_id=row.pk, round=1, step=0, reminded=0, at=now)

    at_once([wake] * 5 + [partial(escalation.sweep, at=now)] * 5)

    row.refresh_from_db()
    assert (row.round, row.step, Notification.objects.count()) == (1, 1, 1)


def test_acknowledging_races_the_step(at_once: AtOnce, api: Any, mona: User) -> None:
    """Either acknowledged before and no step, or the step and then the acknowledgement."""
    make_policy()
    alerts = alerts_due()
    now = timezone.now()

    answers = at_once(
        [partial(api(mona).post, f"/api/v1/alerts/{alert.pk}/acknowledge") for alert in alerts]
        + [partial(escalation.sweep, at=now, batch=2)] * 4
    )

    assert [answer.status_code for answer in answers[:ALERTS]] == [200] * ALERTS
    for alert in alerts:
        lines = list(alert.events.filter(kind__in=("ESCALATED", "ACKNOWLEDGED")).order_by("id").values_list("kind"))
        assert lines in ([("ACKNOWLEDGED",)], [("ESCALATED",), ("ACKNOWLEDGED",)])
        told = Notification.objects.filter(kind="ALERT_ESCALATED", subject_id=str(alert.pk)).count()
        assert told == len(lines) - 1
        assert not alert.escalations.running().exists()
