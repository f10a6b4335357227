import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone
from kombu.exceptions import EncodeError
from kombu.exceptions import OperationalError as BrokerDown

from faultreporter.outbox import publish_each, relay
from faultreporter.outbox.heartbeat import last_seen
from faultreporter.outbox.models import OutboxMessage
from faultreporter.outbox.relay import Relay, relay_batch
from faultreporter.outbox.tests.conftest import wait_for

# Only this app's table is emptied after each test; emptying all of them takes a second.
pytestmark = pytest.mark.django_db(transaction=True, available_apps=["faultreporter.outbox"])


def publish_many(count: int) -> list[str]:
    with transaction.atomic():
        publish_each("a.b", [{"number": number} for number in range(count)])
    return [message.task_id for message in OutboxMessage.objects.order_by("-pk")[:count][::-1]]


class Post:
    """Stands for the broker: keeps what it was given, and can refuse."""

    def __init__(self, *, refuse: dict[int, Exception] | None = None) -> None:
        self.taken: list[str] = []
        self.refuse = refuse or {}

    def __call__(self, message: OutboxMessage) -> None:
        if error := self.refuse.get(message.payload["number"]):
            raise error
        self.taken.append(message.task_id)


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Post], None]]:
    """A relay at work in a thread. It polls so rarely that only a notification can wake it."""
    monkeypatch.setattr(relay, "HEARTBEAT_SECONDS", 1e9)
    monkeypatch.setattr(relay, "POLL_SECONDS", 60)
    started: list[tuple[Relay, threading.Thread]] = []

    def start(post: Post) -> None:
        worker = Relay(send=post)
        worker._last_heartbeat = float("inf")
        thread = threading.Thread(target=worker.run)
        thread.start()
        started.append((worker, thread))
        wait_for(lambda: worker._heard_on)

    yield start
    for worker, _thread in started:
        worker.stop()
    with connection.cursor() as cursor:
        cursor.execute("NOTIFY outbox")
    for _worker, thread in started:
        thread.join(timeout=20)
        assert not thread.is_alive()


def test_messages_are_sent_once_in_the_order_they_were_written() -> None:
    task_ids = publish_many(3)
    post = Post()

    assert relay_batch(at=timezone.now(), send=post) == 3
    assert relay_batch(at=timezone.now(), send=post) == 0

    assert post.taken == task_ids
    assert list(OutboxMessage.objects.values_list("attempts", flat=True)) == [1, 1, 1]


def test_a_broker_that_is_down_leaves_the_rows_as_they_are() -> None:
    publish_many(2)
    before = list(OutboxMessage.objects.values())

    with pytest.raises(BrokerDown):
        relay_batch(at=timezone.now(), send=Post(refuse={0: BrokerDown()}))

    assert list(OutboxMessage.objects.values()) == before


def test_what_the_broker_took_before_it_went_down_is_not_sent_again() -> None:
    task_ids = publish_many(3)
    post = Post(refuse={1: BrokerDown()})
    with pytest.raises(BrokerDown):
        relay_batch(at=timezone.now(), send=post)

    post.refuse = {}
    relay_batch(at=timezone.now(), send=post)

    assert post.taken == task_ids


def test_a_message_that_cannot_be_sent_does_not_hold_up_the_others() -> None:
    publish_many(3)
    post = Post(refuse={1: EncodeError("not for this broker")})

    relay_batch(at=timezone.now(), send=post)

    stuck = OutboxMessage.objects.pending().get()
    assert (stuck.payload, stuck.attempts) == ({"number": 1}, 1)
    assert stuck.last_error == "EncodeError: not for this broker"
    assert stuck.available_at > timezone.now()


def test_a_crash_between_sending_and_commit_sends_again_under_the_same_id() -> None:
    (task_id,) = publish_many(1)
    post = Post()

    def send_and_crash(message: OutboxMessage) -> None:
        post(message)
        raise SystemExit

    with pytest.raises(SystemExit):
        relay_batch(at=timezone.now(), send=send_and_crash)
    relay_batch(at=timezone.now(), send=post)

    assert post.taken == [task_id, task_id]


def test_two_relays_send_each_message_once(running: Callable[[Post], None]) -> None:
    posts = [Post(), Post()]
    for post in posts:
        running(post)

    task_ids = [task_id for _ in range(5) for task_id in publish_many(100)]

    wait_for(lambda: not OutboxMessage.objects.pending().exists())
    assert Counter(posts[0].taken + posts[1].taken) == Counter(task_ids)


def test_a_relay_takes_nothing_that_another_holds() -> None:
    publish_many(2)
    elsewhere = Post()

    def send_slowly(message: OutboxMessage) -> None:
        thread = threading.Thread(target=in_another_session, args=[elsewhere])
        thread.start()
        thread.join()

    relay_batch(at=timezone.now(), send=send_slowly, limit=1)

    assert len(elsewhere.taken) == 1


def in_another_session(post: Post) -> None:
    relay_batch(at=timezone.now(), send=post)
    connection.close()


def test_a_commit_wakes_the_relay(running: Callable[[Post], None]) -> None:
    post = Post()
    running(post)

    (task_id,) = publish_many(1)

    wait_for(lambda: post.taken == [task_id], seconds=10)


def test_a_lost_database_connection_is_taken_up_again(running: Callable[[Post], None]) -> None:
    post = Post()
    running(post)

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND datname = current_database() AND query LIKE '%outbox%'"
        )
    (task_id,) = publish_many(1)

    wait_for(lambda: post.taken == [task_id], seconds=10)


def test_a_relay_waits_for_a_broker_that_is_down(running: Callable[[Post], None]) -> None:
    post = Post(refuse={0: BrokerDown()})
    running(post)
    (task_id,) = publish_many(1)

    post.refuse = {}

    wait_for(lambda: post.taken == [task_id], seconds=15)


def test_the_heartbeat_tells_when_a_relay_last_worked(broker: Any) -> None:
    assert last_seen() is None

    Relay()._heartbeat()

    seen = last_seen()
    assert seen is not None
    assert abs((timezone.now() - seen).total_seconds()) < 5


def test_nothing_is_known_while_redis_is_down(broker: Any) -> None:
    broker.stop()

    assert last_seen() is None
