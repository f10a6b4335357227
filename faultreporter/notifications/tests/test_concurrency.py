"""Several workers at once, and workers that die: real connections, real rows."""

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from itertools import pairwise
from threading import Event
from typing import Any

import pytest
from django.conf import settings as configured
from django.core import mail
from django.db import connection, transaction
from django.db.models.expressions import RawSQL
from django.utils import timezone

from alerts.tests.parallel import AtOnce, at_once
from faultreporter.accounts.tests.factories import UserFactory
from faultreporter.notifications import push, sending, tasks
from faultreporter.notifications.digest import send_digests
from faultreporter.notifications.models import (
    Delivery,
    DeliveryAttempt,
    Notification,
    NotificationPreferences,
    PushTarget,
)
from faultreporter.notifications.tests.factories import phone_of, tell
from faultreporter.notifications.tests.google import FakeFcm
from faultreporter.testing import somebody_waits_for_a_lock

__all__ = ["at_once"]
pytestmark = pytest.mark.django_db(transaction=True)

WORKER = """
import os, signal, django
django.setup()
from faultreporter.notifications import sending, tasks
sending.record = lambda *args, **kwargs: os.kill(os.getpid(), signal.SIGKILL)
tasks.deliver()
"""


def test_many_workers_send_each_once(fcm: FakeFcm, at_once: AtOnce) -> None:
    people = UserFactory.create_batch(30)
    for person in people:
        phone_of(person)
    tell(*people)

    at_once([tasks.deliver] * 6)

    assert len(fcm.messages) == 30
    assert set(Delivery.objects.values_list("state", flat=True)) == {"SENT"}
    assert DeliveryAttempt.objects.count() == 30


def test_two_workers_claim_one_delivery(fcm: FakeFcm, at_once: AtOnce) -> None:
    person = UserFactory.create()
    phone_of(person)
    tell(person)
    tasks.plan(at=timezone.now())
    at = timezone.now()

    claims = at_once([lambda: sending.claim(Delivery.Channel.PUSH, at=at)] * 8)

    assert sorted(map(len, claims)) == [0] * 7 + [1]


def test_two_people_register_one_phone_at_the_same_moment(at_once: AtOnce) -> None:
    people = UserFactory.create_batch(8)

    at_once([lambda person=person: phone_of(person, "the-phone") for person in people])

    assert PushTarget.objects.filter(value="the-phone").count() == 1


def test_the_same_news_told_by_many_at_once_is_one_line_each(at_once: AtOnce) -> None:
    people = UserFactory.create_batch(10)
    backwards = list(reversed(people))

    at_once([lambda turn=turn: tell(*(people if turn % 2 else backwards), key="once") for turn in range(8)])

    assert Notification.objects.count() == 10


def test_one_dead_phone_in_two_workers_hands_is_no_deadlock(fcm: FakeFcm, at_once: AtOnce) -> None:
    person = UserFactory.create()
    phone_of(person, "dead")
    fcm.dead.add("dead")
    for _number in range(12):
        tell(person, severity="HIGH")
    tasks.plan(at=timezone.now())
    taken = [take(6), take(6)]

    at_once([lambda claimed=claimed: send(claimed) for claimed in taken])

    assert not PushTarget.objects.exists()
    assert set(Delivery.objects.filter(channel="PUSH").values_list("state", flat=True)) == {"DEAD"}
    assert Delivery.objects.filter(channel="EMAIL", state="PENDING").count() == 12


def test_forgetting_a_phone_locks_its_settled_deliveries_in_order(at_once: AtOnce) -> None:
    """Against a worker that records the same deliveries by id, however the rows lie in the table."""
    person = UserFactory.create()
    target = phone_of(person)
    for _number in range(12):
        tell(person, severity="HIGH")
    tasks.plan(at=timezone.now())
    Delivery.objects.update(state="FAILED", tries=5)
    by_place = list(Delivery.objects.filter(target=target).order_by(RawSQL("ctid", ())).values_list("id", flat=True))
    later, earlier = next(pair for pair in pairwise(by_place) if pair[0] > pair[1])
    holding = Event()

    def record() -> None:
        with transaction.atomic():
            Delivery.objects.select_for_update(no_key=True).get(pk=earlier)
            holding.set()
            wait_until_somebody_waits()
            Delivery.objects.select_for_update(no_key=True).get(pk=later)

    def forget() -> None:
        holding.wait(10)
        sending.forget_targets({target.pk}, at=timezone.now())

    at_once([record, forget])

    assert not PushTarget.objects.exists()


def wait_until_somebody_waits() -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if somebody_waits_for_a_lock():
            return
        time.sleep(0.02)
    raise AssertionError("nobody waits")


def take(number: int) -> Any:
    """What a worker with a smaller batch would claim."""
    usual = sending.AT_ONCE[Delivery.Channel.PUSH]
    sending.AT_ONCE[Delivery.Channel.PUSH] = number
    try:
        return sending.claim(Delivery.Channel.PUSH, at=timezone.now())
    finally:
        sending.AT_ONCE[Delivery.Channel.PUSH] = usual


def send(claimed: Any) -> None:
    outcomes = push.send([push.message_of(delivery) for delivery, _attempt in claimed])
    sending.record(claimed, outcomes, at=timezone.now())


def test_the_last_two_phones_that_fail_at_once_make_one_email(fcm: FakeFcm, at_once: AtOnce) -> None:
    person = UserFactory.create()
    phone_of(person, "one")
    phone_of(person, "two")
    fcm.dead |= {"one", "two"}
    tell(person, severity="HIGH")
    tasks.plan(at=timezone.now())
    taken = [take(1), take(1)]

    at_once([lambda claimed=claimed: send(claimed) for claimed in taken])

    assert Delivery.objects.filter(channel="EMAIL", state="PENDING").count() == 1


def test_many_beats_send_one_digest(at_once: AtOnce) -> None:
    person = UserFactory.create()
    NotificationPreferences.change(person, digest="DAILY", digest_hour=0)
    tell(person, severity="LOW")
    tasks.deliver()
    at = timezone.now()

    sent = at_once([lambda: send_digests(at=at)] * 6)

    assert sum(sent) == 1
    assert len(mail.outbox) == 1


def test_a_worker_killed_between_sending_and_writing_it_down_loses_nothing(fcm: FakeFcm) -> None:
    person = UserFactory.create()
    phone_of(person)
    tell(person)

    killed = run_worker_that_dies_after_sending()

    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert len(fcm.messages) == 1
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.tries) == ("PENDING", 1)
    tasks.deliver()
    assert len(fcm.messages) == 1  # its claim still holds

    Delivery.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
    tasks.deliver()

    assert Delivery.objects.get().state == "SENT"
    assert len(fcm.messages) == 2
    assert fcm.messages[0]["android"]["collapse_key"] == fcm.messages[1]["android"]["collapse_key"]
    assert fcm.messages[0]["data"]["notification_id"] == fcm.messages[1]["data"]["notification_id"]
    assert [a.outcome for a in DeliveryAttempt.objects.order_by("id")] == ["STARTED", "SENT"]


def run_worker_that_dies_after_sending() -> "subprocess.CompletedProcess[str]":
    database = connection.settings_dict
    url = f"postgresql://{database['USER']}@/{database['NAME']}?host={database['HOST']}"
    told = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "faultreporter.settings",
        "DATABASE_URL": url,
        "FCM_URL": configured.FCM_URL,
        "FIREBASE_SERVICE_ACCOUNT_PATH": configured.FIREBASE_SERVICE_ACCOUNT_PATH,
    }
    return subprocess.run(
        [sys.executable, "-c", WORKER], env=told, capture_output=True, text=True, timeout=60, check=False
    )


def test_a_slow_worker_whose_claim_ran_out_still_counts_as_sent(fcm: FakeFcm) -> None:
    person = UserFactory.create()
    phone_of(person)
    tell(person)
    tasks.plan(at=timezone.now())
    slow = take(1)
    Delivery.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
    quick = take(1)

    send(slow)
    send(quick)

    assert Delivery.objects.get().state == "SENT"
    assert DeliveryAttempt.objects.filter(outcome="SENT").count() == 2
