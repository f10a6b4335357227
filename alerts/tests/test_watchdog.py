"""Who watches the watchers: an escalation that should have moved is noticed, told once, and over when it moves."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from alerts import escalation, watchdog
from alerts.models import Alert, AlertEscalation, EscalationOutage
from alerts.tests.factories import AlertFactory
from alerts.tests.policies import make_policy
from faultreporter.accounts.models import User
from faultreporter.notifications.models import Notification
from faultreporter.outbox.duties import registered

pytestmark = pytest.mark.django_db
GRACE = timedelta(seconds=120)


@pytest.fixture
def due_at(mona: User, adam: User) -> datetime:
    """When the only step of the only escalation should be done; nothing has run since."""
    make_policy()
    raised_at = timezone.now() - timedelta(hours=1)
    alert = AlertFactory.create(at=raised_at, occurred_at=raised_at)
    AlertEscalation.objects.filter(alert=alert).update(updated_at=raised_at)
    return raised_at + timedelta(minutes=10)


def test_it_works(due_at: datetime, adam: User) -> None:
    assert watchdog.check(at=due_at + GRACE - timedelta(seconds=1)).count == 0

    found = watchdog.check(at=due_at + GRACE)

    assert (found.count, found.since) == (1, due_at)
    outage = EscalationOutage.objects.get()
    assert (outage.is_open, outage.overdue, outage.oldest_due_at) == (True, 1, due_at)
    assert Notification.objects.get(kind="SYSTEM").user == adam
    (letter,) = mail.outbox
    assert (letter.subject, letter.bcc) == ("Escalations stand still", [adam.email])
    assert "1 escalation should have moved; the first has been due for 120 s" in letter.body


def test_it_is_told_once_however_often_and_wherever_one_looks(due_at: datetime) -> None:
    for minute in range(5):
        watchdog.check(at=due_at + GRACE + timedelta(minutes=minute))

    assert (len(mail.outbox), EscalationOutage.objects.count()) == (1, 1)
    assert Notification.objects.filter(kind="SYSTEM").count() == 1


def test_it_is_over_when_it_moves(due_at: datetime) -> None:
    watchdog.check(at=due_at + GRACE)
    escalation.sweep(at=due_at + timedelta(minutes=5))

    watchdog.check(at=due_at + timedelta(minutes=6))

    outage = EscalationOutage.objects.get()
    assert (outage.is_open, outage.ended_at) == (False, due_at + timedelta(minutes=6))


def test_a_mail_server_that_is_away_is_asked_again(due_at: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as broken:
        broken.setattr("django.core.mail.EmailMessage.send", refuse)
        watchdog.check(at=due_at + GRACE)
    assert EscalationOutage.objects.get().told_at is None

    watchdog.check(at=due_at + GRACE + timedelta(seconds=30))

    assert len(mail.outbox) == 1


def refuse(*_args: Any, **_kwargs: Any) -> None:
    raise ConnectionRefusedError


def test_a_step_that_fails_again_and_again_is_noticed(due_at: datetime) -> None:
    AlertEscalation.objects.update(rungs=[{"after": 10, "kind": "NOTIFY_PERSON", "person": "?"}])
    now = due_at
    for _try in range(3):
        escalation.sweep(at=now)
        now += timedelta(minutes=9)

    assert watchdog.look(at=now).count == 1


def test_an_acknowledgement_made_offline_hours_ago_is_no_outage(mona: User) -> None:
    make_policy(remind_after_minutes=5)
    raised_at = timezone.now() - timedelta(hours=5)
    alert = AlertFactory.create(at=raised_at, occurred_at=raised_at)
    alert.acknowledge(by=mona, at=raised_at + timedelta(hours=1))

    assert watchdog.look(at=timezone.now()).count == 0


def test_health_and_metrics_say_so_and_the_web_stays_ready(client: Client, due_at: datetime) -> None:
    answer = client.get("/health/ready")

    assert answer.status_code == 200
    assert answer.json()["checks"]["escalations"].startswith("degraded: 1 escalation should have moved")
    assert "faultreporter_escalations_overdue 1.0" in client.get("/metrics").content.decode()


def test_the_command_ends_badly(due_at: datetime, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(CommandError, match="1 escalation should have moved"):
        call_command("check_escalations")
    Alert.objects.get().acknowledge(by=User.objects.get(role="MANAGER"), at=datetime.now(UTC))

    call_command("check_escalations")

    assert "has moved" in capsys.readouterr().out


def test_the_relay_looks_after_it() -> None:
    assert ("watch escalations", watchdog.watch) in [(duty.name, duty.do) for duty in registered]
