from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from django.db import transaction
from django.db.transaction import TransactionManagementError
from django.utils import timezone
from structlog.contextvars import bound_contextvars

from faultreporter.outbox import publish, publish_at
from faultreporter.outbox.models import OutboxMessage
from faultreporter.outbox.tasks import prune
from faultreporter.outbox.testing import deliver

pytestmark = pytest.mark.django_db

AN_ID = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_a_message_waits_in_the_transaction_that_asked_for_it() -> None:
    publish("aiassist.tasks.analyze", analysis_id=AN_ID, at=NOON, cost=Decimal("1.50"))

    message = OutboxMessage.objects.get()
    assert message.task == "aiassist.tasks.analyze"
    assert message.payload == {"analysis_id": str(AN_ID), "at": "2026-03-01T12:00:00Z", "cost": "1.50"}
    assert (message.published_at, message.attempts) == (None, 0)
    assert message.task_id == f"outbox-{message.pk}"


def test_a_roll_back_takes_it_back() -> None:
    with transaction.atomic():
        publish("aiassist.tasks.analyze", analysis_id=AN_ID)
        transaction.set_rollback(True)

    assert not OutboxMessage.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_outside_a_transaction_it_is_refused() -> None:
    with pytest.raises(TransactionManagementError, match=r"aiassist\.tasks\.analyze"):
        publish("aiassist.tasks.analyze")


def test_what_is_not_json_is_refused_at_once() -> None:
    with pytest.raises(TypeError):
        publish("aiassist.tasks.analyze", analysis=object())


def test_a_message_knows_the_request_it_comes_from() -> None:
    with bound_contextvars(request_id="r-1"):
        publish("aiassist.tasks.analyze")

    assert OutboxMessage.objects.get().request_id == "r-1"


def test_a_message_can_wait_for_its_time() -> None:
    now = timezone.now()
    publish_at(now + timedelta(minutes=5), "aiassist.tasks.analyze")

    assert not OutboxMessage.objects.due(now).exists()
    assert OutboxMessage.objects.due(now + timedelta(minutes=5)).exists()


def test_the_backlog_counts_what_is_due_and_how_long_it_waits() -> None:
    assert OutboxMessage.objects.backlog(NOON) == (0, timedelta())

    publish_at(NOON - timedelta(seconds=90), "a.b")
    publish_at(NOON, "a.b")
    publish_at(NOON + timedelta(seconds=1), "a.b")

    assert OutboxMessage.objects.backlog(NOON) == (2, timedelta(seconds=90))


def test_old_published_messages_are_forgotten_and_pending_ones_never() -> None:
    now = timezone.now()
    for published_at in (now - timedelta(days=8), now - timedelta(days=6), None):
        OutboxMessage.objects.create(
            task="a.b", created_at=now - timedelta(days=9), available_at=now, published_at=published_at
        )

    assert prune() == 1
    assert OutboxMessage.objects.count() == 2


def test_other_tests_can_run_what_was_published() -> None:
    long_ago = timezone.now() - timedelta(days=30)
    OutboxMessage.objects.create(task="a.b", published_at=long_ago)
    publish("faultreporter.outbox.tasks.prune")

    assert deliver() == ["faultreporter.outbox.tasks.prune"]

    assert not OutboxMessage.objects.filter(task="a.b").exists()
    assert not OutboxMessage.objects.pending().exists()
