"""The way to the broker for processes that only send."""

from celery import Celery
from kombu.exceptions import KombuError
from kombu.exceptions import OperationalError as BrokerDown
from redis.exceptions import RedisError

from faultreporter.outbox.models import OutboxMessage

__all__ = ["UNREACHABLE", "UNSENDABLE", "producer", "send"]

# The worker's app stands above every task's app; a sender needs its settings only, never the tasks.
producer = Celery("faultreporter", set_as_current=False)
producer.config_from_object("django.conf:settings", namespace="CELERY")

UNREACHABLE = (BrokerDown, RedisError, OSError)
"""The broker's fault: the same message may pass a moment later."""

UNSENDABLE = (KombuError, TypeError, ValueError)
"""The message's own fault: the others behind it must not wait for it. Look for UNREACHABLE first."""


def send(message: OutboxMessage) -> None:
    """Hand one message to the broker, at once or not at all; the relay repeats, not Celery."""
    producer.send_task(
        message.task,
        kwargs=message.payload,
        task_id=message.task_id,
        headers={"request_id": message.request_id},
        ignore_result=True,
        retry=False,
    )
