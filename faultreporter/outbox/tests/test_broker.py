"""With a real broker and real processes."""

import signal
import subprocess
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import orjson
import pytest
from django.db import transaction
from django.utils import timezone
from structlog.contextvars import bound_contextvars

from faultreporter.outbox import publish
from faultreporter.outbox.broker import UNREACHABLE
from faultreporter.outbox.heartbeat import last_seen
from faultreporter.outbox.models import OutboxMessage
from faultreporter.outbox.relay import relay_batch
from faultreporter.outbox.tests.conftest import Broker, wait_for

# Only this app's table is emptied after each test; emptying all of them takes a second.
pytestmark = [pytest.mark.django_db(transaction=True, available_apps=["faultreporter.outbox"]), pytest.mark.stack]

StartProcess = Callable[..., "subprocess.Popen[str]"]

SEND_AND_DIE = """
import os, django
django.setup()
from django.utils import timezone
from faultreporter.outbox import broker, relay

def send_and_die(message):
    broker.send(message)
    os.kill(os.getpid(), 9)

relay.relay_batch(at=timezone.now(), send=send_and_die)
"""


def publish_one(task: str = "faultreporter.outbox.tasks.prune", **kwargs: Any) -> OutboxMessage:
    with transaction.atomic():
        publish(task, **kwargs)
    return OutboxMessage.objects.latest("pk")


def test_a_message_reaches_the_queue_of_its_task_with_its_id_and_request(broker: Broker) -> None:
    with bound_contextvars(request_id="r-1"):
        message = publish_one("aiassist.tasks.analyze", analysis_id="7")

    relay_batch(at=timezone.now())

    (text,) = broker.client.lrange("ai", 0, -1)
    headers = orjson.loads(text)["headers"]
    assert (headers["task"], headers["id"]) == ("aiassist.tasks.analyze", message.task_id)
    assert headers["request_id"] == "r-1"


def test_a_broker_that_goes_down_and_comes_back_gets_everything_once(broker: Broker) -> None:
    publish_one()
    relay_batch(at=timezone.now())
    broker.stop()
    publish_one()

    with pytest.raises(UNREACHABLE):
        relay_batch(at=timezone.now())
    assert OutboxMessage.objects.pending().count() == 1
    broker.start()
    relay_batch(at=timezone.now())

    assert broker.queued() == 2
    assert not OutboxMessage.objects.pending().exists()


def test_a_relay_killed_before_its_commit_repeats_under_the_same_id(
    broker: Broker, start_process: StartProcess
) -> None:
    message = publish_one()

    killed = start_process("-c", SEND_AND_DIE, REDIS_URL=broker.url)
    assert killed.wait(timeout=30) == -signal.SIGKILL
    assert OutboxMessage.objects.pending().exists()
    relay_batch(at=timezone.now())

    sent = [orjson.loads(text)["headers"]["id"] for text in broker.client.lrange("default", 0, -1)]
    assert sent == [message.task_id, message.task_id]


def test_the_relay_process_works_through_a_broker_outage_and_ends_on_sigterm(
    broker: Broker, start_process: StartProcess
) -> None:
    process = start_process("manage.py", "relay", REDIS_URL=broker.url)
    wait_for(last_seen)

    publish_one()
    wait_for(lambda: broker.queued() == 1)
    broker.stop()
    publish_one()
    broker.start()
    wait_for(lambda: broker.queued() == 2)

    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=10) == 0


def old_message() -> OutboxMessage:
    """What the task `prune` removes."""
    return OutboxMessage.objects.create(task="a.b", published_at=timezone.now() - timedelta(days=30))


def is_gone(message: OutboxMessage) -> bool:
    return not OutboxMessage.objects.filter(pk=message.pk).exists()


def test_a_worker_does_what_was_published_also_after_the_broker_was_away(
    broker: Broker, start_process: StartProcess
) -> None:
    celery = ("-m", "celery", "-A", "faultreporter.celery", "worker", "--concurrency", "1", "-Q", "default")
    start_process(*celery, REDIS_URL=broker.url)
    first = old_message()
    publish_one()
    relay_batch(at=timezone.now())
    wait_for(lambda: is_gone(first), seconds=40)

    broker.stop()
    broker.start()
    second = old_message()
    publish_one()
    relay_batch(at=timezone.now())
    wait_for(lambda: is_gone(second), seconds=30)
