"""From an inbox line to a phone, through Google's SDK and a server that speaks FCM's protocol."""

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone

from faultreporter.accounts.models import User
from faultreporter.notifications import sending, tasks
from faultreporter.notifications.models import Delivery, DeliveryAttempt, NotificationPreferences, PushTarget
from faultreporter.notifications.tests import google
from faultreporter.notifications.tests.factories import phone_of, tell
from faultreporter.notifications.tests.google import FakeFcm
from faultreporter.outbox.models import OutboxMessage
from faultreporter.outbox.testing import deliver

pytestmark = pytest.mark.django_db


def only(channel: str = "PUSH") -> Delivery:
    return Delivery.objects.get(channel=channel)


def hurry() -> None:
    """What waits is due now."""
    Delivery.objects.filter(state="PENDING").update(due_at=timezone.now())
    OutboxMessage.objects.pending().update(available_at=timezone.now())


def test_it_works(fcm: FakeFcm, tess: User) -> None:
    phone_of(tess, "fid-of-tess")
    tell(tess, severity="HIGH", title="Pump 3 leaks", group="equipment:7")

    deliver()

    message = fcm.messages[0]
    assert message["fid"] == "fid-of-tess"
    assert message["notification"] == {"title": "Pump 3 leaks", "body": "It leaks."}
    assert message["data"]["kind"] == "ALERT_RAISED"
    assert message["data"]["notification_id"] == str(tess.notifications.get().pk)
    collapse = message["android"]["collapse_key"]
    assert message["android"]["notification"]["tag"] == collapse == message["apns"]["headers"]["apns-collapse-id"]
    assert len(collapse) <= 64
    assert (message["android"]["priority"], message["apns"]["headers"]["apns-priority"]) == ("high", "10")
    assert only().state == "SENT"
    assert mail.outbox == []


def test_the_ledger_has_the_attempt_with_the_services_id(fcm: FakeFcm, tess: User) -> None:
    phone_of(tess)
    tell(tess)

    deliver()

    attempt = DeliveryAttempt.objects.get()
    assert (attempt.outcome, attempt.provider_id) == ("SENT", "projects/building-7/messages/1")
    assert attempt.milliseconds is not None


def test_a_registration_token_of_an_old_app_still_works(fcm: FakeFcm, tess: User) -> None:
    phone_of(tess, "old-token", provider=PushTarget.Provider.FCM_TOKEN)
    tell(tess)

    deliver()

    assert fcm.messages[0]["token"] == "old-token"


def test_every_phone_of_a_person_rings(fcm: FakeFcm, tess: User) -> None:
    phone_of(tess, "one")
    phone_of(tess, "two")
    tell(tess)

    deliver()

    assert {message["fid"] for message in fcm.messages} == {"one", "two"}


def test_a_hundred_and_twenty_go_in_chunks_with_one_access_token(fcm: FakeFcm, tess: User) -> None:
    phone_of(tess)
    for _number in range(120):
        tell(tess)

    deliver()

    assert len(fcm.messages) == 120
    assert fcm.tokens == 1


@pytest.mark.parametrize("fault", [google.UNREGISTERED, google.BAD_TOKEN])
def test_a_dead_phone_is_forgotten_at_once_and_an_email_goes_instead(fault: Any, fcm: FakeFcm, tess: User) -> None:
    phone_of(tess)
    fcm.faults.append(fault)
    tell(tess, severity="HIGH", title="Pump 3 leaks")

    deliver()

    assert not PushTarget.objects.exists()
    assert (only().state, only().reason) == ("DEAD", "TARGET_GONE")
    assert [sent.subject for sent in mail.outbox] == ["Pump 3 leaks"]


def test_one_dead_phone_of_two_needs_no_email(fcm: FakeFcm, tess: User) -> None:
    phone_of(tess, "dead")
    phone_of(tess, "alive")
    fcm.dead.add("dead")
    tell(tess, severity="CRITICAL")

    deliver()

    assert PushTarget.objects.get().value == "alive"
    assert mail.outbox == []


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (google.BAD_MESSAGE, "INVALID_ARGUMENT"),
        (google.OTHER_SENDER, "SENDER_ID_MISMATCH"),
        (google.APNS_CREDENTIALS, "THIRD_PARTY_AUTH_ERROR"),
    ],
)
def test_a_refusal_is_final_but_keeps_the_phone(fault: Any, reason: str, fcm: FakeFcm, tess: User) -> None:
    phone_of(tess)
    fcm.always = fault
    tell(tess, severity="HIGH")

    deliver()

    assert PushTarget.objects.count() == 1
    assert (only().state, only().reason, only().tries) == ("FAILED", "REFUSED", 1)
    assert DeliveryAttempt.objects.get(delivery__channel="PUSH").reason == reason
    assert len(mail.outbox) == 1


@pytest.mark.parametrize("fault", [google.UNAVAILABLE, google.INTERNAL, google.QUOTA, google.RESET])
def test_a_fault_that_may_pass_is_tried_again(fault: Any, fcm: FakeFcm, tess: User) -> None:
    phone_of(tess)
    fcm.faults.append(fault)
    tell(tess)

    deliver()
    assert (only().state, only().reason, fcm.requests) == ("PENDING", "PROVIDER_DOWN", 1)
    hurry()
    deliver()

    assert only().state == "SENT"
    assert [a.outcome for a in DeliveryAttempt.objects.order_by("id")] == ["RETRY", "SENT"]


def test_retry_after_is_honoured_without_a_worker_sleeping_through_it(fcm: FakeFcm, tess: User) -> None:
    phone_of(tess)
    fcm.faults.append(google.QUOTA)
    tell(tess)
    before = timezone.now()

    deliver()

    assert only().due_at >= before + timedelta(seconds=90)
    assert timezone.now() - before < timedelta(seconds=10)
    assert OutboxMessage.objects.pending().get().available_at == only().due_at


def test_a_provider_that_stays_down_is_tried_five_times_and_then_an_email_goes(fcm: FakeFcm, tess: User) -> None:
    phone_of(tess)
    fcm.always = google.UNAVAILABLE
    tell(tess, severity="HIGH", title="Pump 3 leaks")

    for _round in range(6):
        deliver()
        hurry()

    assert fcm.requests == 5
    assert (only().state, only().reason) == ("FAILED", "PROVIDER_DOWN")
    assert [sent.subject for sent in mail.outbox] == ["Pump 3 leaks"]
    assert PushTarget.objects.count() == 1


def test_pauses_double(tess: User) -> None:
    first = timedelta(seconds=15)

    pauses = [sending.pause(number, first=first) for number in range(1, 6)]

    for number, paused in enumerate(pauses):
        assert first * 2**number * 0.8 <= paused <= first * 2**number * 1.2


def test_an_access_token_that_cant_be_had_is_a_fault_that_may_pass(fcm: FakeFcm, tess: User) -> None:
    phone_of(tess)
    fcm.token_status = 503
    tell(tess)

    deliver()

    assert (only().state, only().reason) == ("PENDING", "PROVIDER_DOWN")


def test_without_firebase_the_push_is_skipped_and_an_email_goes_for_what_is_grave(settings: Any, tess: User) -> None:
    settings.FIREBASE_SERVICE_ACCOUNT_PATH = ""
    phone_of(tess)
    tell(tess, severity="HIGH", title="Grave")
    tell(tess, severity="MEDIUM", title="Light")

    deliver()

    assert set(Delivery.objects.filter(channel="PUSH").values_list("state", "reason")) == {
        ("SKIPPED", "NOT_CONFIGURED")
    }
    assert [sent.subject for sent in mail.outbox] == ["Grave"]


@pytest.mark.parametrize("provider", ["APNS", "EXPO"])
def test_a_service_this_server_cant_talk_to_is_marked_as_that(provider: str, fcm: FakeFcm, tess: User) -> None:
    phone_of(tess, provider=provider)
    tell(tess, severity="HIGH")

    deliver()

    assert fcm.requests == 0
    assert (only().state, only().reason) == ("SKIPPED", "NOT_CONFIGURED")
    assert len(mail.outbox) == 1


def test_a_phone_that_changed_hands_shows_nothing_of_the_former_person(fcm: FakeFcm, tess: User, mona: User) -> None:
    phone_of(tess, "shared")
    tell(tess, severity="HIGH")
    tasks.plan(at=timezone.now())
    phone_of(mona, "shared")

    deliver()

    assert fcm.messages == []
    assert only().state == "DEAD"
    assert [sent.to for sent in mail.outbox] == [[tess.email]]


def test_what_was_read_meanwhile_isnt_pushed(fcm: FakeFcm, tess: User) -> None:
    phone_of(tess)
    tell(tess, severity="HIGH")
    tasks.plan(at=timezone.now())
    tess.notifications.get().mark_read(by=tess, at=timezone.now())

    deliver()

    assert (fcm.messages, mail.outbox) == ([], [])
    assert only().reason == "READ"


def test_a_person_deactivated_meanwhile_gets_nothing(fcm: FakeFcm, tess: User) -> None:
    phone_of(tess)
    tell(tess, severity="HIGH")
    tasks.plan(at=timezone.now())
    User.objects.filter(pk=tess.pk).update(is_active=False)

    deliver()

    assert (fcm.messages, mail.outbox) == ([], [])


class TestPreferences:
    @pytest.mark.parametrize("change", [{"push_off": ["ALERT_RAISED"]}, {"push_minimum": "CRITICAL"}])
    def test_what_a_person_doesnt_want_isnt_pushed(self, change: Any, fcm: FakeFcm, tess: User) -> None:
        phone_of(tess)
        NotificationPreferences.change(tess, **change)
        tell(tess, severity="HIGH")

        deliver()

        assert fcm.messages == []
        assert only().reason == "NOT_WANTED"
        assert len(mail.outbox) == 1

    def test_nor_mailed(self, fcm: FakeFcm, tess: User) -> None:
        NotificationPreferences.change(tess, email_off=["ALERT_RAISED"])
        tell(tess, severity="CRITICAL")

        deliver()

        assert mail.outbox == []
        assert only("EMAIL").reason == "NOT_WANTED"
        assert tess.notifications.count() == 1


class TestQuietHours:
    @pytest.fixture
    def asleep(self, tess: User) -> User:
        """It is the middle of her night, whatever time it is."""
        now = timezone.now()
        begin, end = (now - timedelta(hours=2)).time(), (now + timedelta(hours=2)).time()
        NotificationPreferences.change(tess, quiet_from=begin, quiet_to=end)
        return tess

    def test_a_push_waits_for_their_end(self, fcm: FakeFcm, asleep: User) -> None:
        phone_of(asleep)
        tell(asleep, severity="HIGH")

        deliver()

        assert fcm.messages == []
        assert (only().state, only().reason) == ("PENDING", "QUIET_HOURS")
        assert timedelta(hours=1) < only().due_at - timezone.now() <= timedelta(hours=2)

    def test_what_is_critical_rings(self, fcm: FakeFcm, asleep: User) -> None:
        phone_of(asleep)
        tell(asleep, severity="CRITICAL")

        deliver()

        assert len(fcm.messages) == 1

    def test_a_retry_doesnt_ring_in_them_either(self, fcm: FakeFcm, asleep: User) -> None:
        phone_of(asleep)
        tell(asleep)
        tasks.plan(at=timezone.now())
        hurry()

        deliver()

        assert (fcm.requests, only().reason) == (0, "QUIET_HOURS")


class TestCollapse:
    def test_those_that_wait_share_a_push(self, fcm: FakeFcm, tess: User) -> None:
        phone_of(tess)
        for number in range(3):
            tell(tess, group="equipment:7", title=f"Fault {number}")
            tasks.plan(at=timezone.now())

        deliver()

        assert fcm.titles == ["3 alerts on Chiller 2"]
        assert sorted(Delivery.objects.values_list("state", "reason")) == [
            ("SENT", ""),
            ("SKIPPED", "COLLAPSED"),
            ("SKIPPED", "COLLAPSED"),
        ]

    def test_in_one_batch_too(self, fcm: FakeFcm, tess: User) -> None:
        phone_of(tess)
        for _number in range(3):
            tell(tess, group="equipment:7")

        deliver()

        assert fcm.titles == ["3 alerts on Chiller 2"]

    def test_after_one_was_shown_the_next_wait_for_five_minutes(self, fcm: FakeFcm, tess: User) -> None:
        phone_of(tess)
        tell(tess, group="equipment:7", title="The first")
        deliver()
        tell(tess, group="equipment:7")
        tell(tess, group="equipment:7")
        deliver()
        assert fcm.titles == ["The first"]

        hurry()
        tasks.deliver()

        assert fcm.titles == ["The first", "3 alerts on Chiller 2"]
        assert len({message["android"]["collapse_key"] for message in fcm.messages}) == 1

    def test_a_weightier_one_goes_at_once(self, fcm: FakeFcm, tess: User) -> None:
        phone_of(tess)
        tell(tess, group="equipment:7", severity="LOW")
        deliver()
        tell(tess, group="equipment:7", severity="HIGH", title="Worse")

        deliver()

        assert fcm.titles[1:] == ["2 alerts on Chiller 2"]
        assert fcm.messages[1]["notification"]["body"] == "Worse"

    def test_a_lighter_one_doesnt_take_the_place_of_a_weightier(self, fcm: FakeFcm, tess: User) -> None:
        phone_of(tess)
        tell(tess, group="equipment:7", severity="HIGH", title="Worse")
        tell(tess, group="equipment:7", severity="LOW", title="Lighter")

        deliver()

        assert fcm.messages[0]["data"]["severity"] == "HIGH"
        assert fcm.titles == ["2 alerts on Chiller 2"]

    def test_another_machine_or_kind_or_person_has_its_own(self, fcm: FakeFcm, tess: User, mona: User) -> None:
        phone_of(tess)
        phone_of(mona)
        tell(tess, mona, group="equipment:7")
        tell(tess, group="equipment:8")
        tell(tess, group="equipment:7", kind="ALERT_RESOLVED")

        deliver()

        assert len(fcm.messages) == 4


def test_a_wake_up_that_was_lost_is_made_up_for_by_the_sweep(fcm: FakeFcm, tess: User) -> None:
    phone_of(tess)
    tell(tess)
    OutboxMessage.objects.all().delete()

    tasks.deliver()

    assert len(fcm.messages) == 1


def test_running_twice_sends_once(fcm: FakeFcm, tess: User) -> None:
    phone_of(tess)
    tell(tess)

    tasks.deliver()
    tasks.deliver()

    assert len(fcm.messages) == 1


def test_metrics_count_deliveries_by_channel_and_state(fcm: FakeFcm, tess: User, client: Any) -> None:
    phone_of(tess)
    tell(tess)
    deliver()

    scraped = client.get("/metrics").content.decode()

    assert 'notification_deliveries{channel="PUSH",state="SENT"} 1.0' in scraped
    assert "notification_oldest_due_seconds 0.0" in scraped
