"""The e-mail that stands in for a push, and the daily digest."""

import smtplib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.utils import timezone

from faultreporter.accounts.models import User
from faultreporter.notifications import tasks
from faultreporter.notifications.digest import send_digests
from faultreporter.notifications.models import Delivery, DeliveryAttempt, NotificationPreferences
from faultreporter.notifications.tests.factories import tell
from faultreporter.outbox.testing import deliver

pytestmark = pytest.mark.django_db


class TroubledServer(EmailBackend):
    """A mail server that answers the next mails with these errors."""

    errors: list[Exception] = []

    def send_messages(self, messages: Any) -> int:
        if self.errors:
            raise self.errors.pop(0)
        return int(super().send_messages(messages))


@pytest.fixture
def trouble(settings: Any) -> list[Exception]:
    settings.EMAIL_BACKEND = f"{__name__}.TroubledServer"
    TroubledServer.errors = []
    return TroubledServer.errors


def test_it_works(tess: User) -> None:
    tell(tess, severity="HIGH", title="Pump 3 leaks", body="Water below the coupling.")

    deliver()

    (sent,) = mail.outbox
    delivery = Delivery.objects.get(channel="EMAIL")
    assert (sent.to, sent.subject) == ([tess.email], "Pump 3 leaks")
    assert "Water below the coupling." in sent.body
    assert "Water below the coupling." in sent.alternatives[0].content
    assert sent.extra_headers["Message-ID"] == f"<notification-{delivery.pk}@localhost>"
    assert delivery.state == "SENT"
    assert DeliveryAttempt.objects.get().provider_id == sent.extra_headers["Message-ID"]


def test_what_people_wrote_is_text_in_it(tess: User) -> None:
    tell(tess, severity="HIGH", title="<b>Pump</b> & valve", body="<script>1</script>")

    deliver()

    assert "&lt;script&gt;" in mail.outbox[0].alternatives[0].content
    assert "<b>Pump</b> & valve" in mail.outbox[0].body


def test_a_title_of_two_lines_is_one_subject(tess: User) -> None:
    tell(tess, severity="HIGH", title="Pump\nleaks")

    deliver()

    assert mail.outbox[0].subject == "Pump leaks"


def test_a_manager_is_given_the_page(mona: User, tess: User, settings: Any) -> None:
    settings.PUBLIC_URL = "https://faults.example/"
    tell(mona, tess, severity="HIGH")

    deliver()

    bodies = {sent.to[0]: sent.body for sent in mail.outbox}
    assert f"https://faults.example/admin/accounts/user/{mona.pk}/change/" in bodies[mona.email]
    assert "https://faults.example" not in bodies[tess.email]


@pytest.mark.parametrize(
    "error", [ConnectionRefusedError("no server"), smtplib.SMTPServerDisconnected("gone"), TimeoutError("slow")]
)
def test_a_server_that_is_down_is_tried_again_with_the_same_message_id(
    error: Exception, trouble: list[Exception], tess: User
) -> None:
    trouble.append(error)
    tell(tess, severity="HIGH")
    deliver()
    assert Delivery.objects.get(channel="EMAIL").reason == "PROVIDER_DOWN"

    Delivery.objects.filter(channel="EMAIL").update(due_at=timezone.now())
    tasks.deliver()

    delivery = Delivery.objects.get(channel="EMAIL")
    assert (delivery.state, delivery.tries) == ("SENT", 2)
    assert str(delivery.pk) in mail.outbox[0].extra_headers["Message-ID"]


def test_a_mail_that_is_refused_fails_for_good(trouble: list[Exception], tess: User) -> None:
    trouble.append(smtplib.SMTPRecipientsRefused({tess.email: (550, b"No such mailbox")}))
    tell(tess, severity="HIGH")

    deliver()

    delivery = Delivery.objects.get(channel="EMAIL")
    assert (delivery.state, delivery.reason) == ("FAILED", "REFUSED")
    assert "No such mailbox" in DeliveryAttempt.objects.get().detail


def test_a_failed_one_can_be_sent_again(trouble: list[Exception], tess: User) -> None:
    trouble.append(smtplib.SMTPDataError(554, b"Rejected"))
    tell(tess, severity="HIGH")
    deliver()

    assert Delivery.objects.get(channel="EMAIL").resend(at=timezone.now())
    tasks.deliver()

    assert Delivery.objects.get(channel="EMAIL").state == "SENT"
    assert not Delivery.objects.get(channel="EMAIL").resend(at=timezone.now())


class TestDigest:
    MORNING = datetime(2026, 6, 10, 5, 5, tzinfo=UTC)  # 7:05 in Berlin

    @pytest.fixture
    def reader(self, tess: User) -> User:
        tess.time_zone = "Europe/Berlin"
        tess.save()
        NotificationPreferences.change(tess, digest="DAILY", digest_hour=7)
        return tess

    def test_it_lists_what_is_unread_and_was_sent_in_no_other_way(self, reader: User) -> None:
        tell(reader, severity="LOW", title="Light")
        tell(reader, severity="HIGH", title="Grave")
        tell(reader, severity="LOW", title="Read already")
        deliver()
        reader.notifications.get(title="Read already").mark_read(by=reader, at=timezone.now())
        mail.outbox.clear()

        assert send_digests(at=self.MORNING) == 1

        (sent,) = mail.outbox
        assert sent.subject == "1 thing you haven't read"
        assert "Light" in sent.body
        assert "Grave" not in sent.body
        assert set(Delivery.objects.filter(channel="DIGEST").values_list("state", "reason")) == {
            ("SENT", ""),
            ("SKIPPED", "READ"),
        }

    def test_it_comes_once_a_day_at_the_persons_own_hour(self, reader: User) -> None:
        tell(reader, severity="LOW")
        deliver()

        early = send_digests(at=self.MORNING - timedelta(minutes=10))
        on_time = send_digests(at=self.MORNING)
        tell(reader, severity="LOW")
        deliver()
        again = send_digests(at=self.MORNING + timedelta(hours=3))
        tomorrow = send_digests(at=self.MORNING + timedelta(days=1))

        assert (early, on_time, again, tomorrow) == (0, 1, 0, 1)

    def test_nothing_to_tell_is_no_email(self, reader: User) -> None:
        assert send_digests(at=self.MORNING) == 0
        assert mail.outbox == []

    def test_a_server_that_is_down_is_asked_again_the_next_time(self, reader: User, trouble: list[Exception]) -> None:
        tell(reader, severity="LOW")
        deliver()
        trouble.append(ConnectionRefusedError("no server"))

        assert send_digests(at=self.MORNING) == 0
        assert send_digests(at=self.MORNING + timedelta(minutes=15)) == 1

    def test_a_worker_that_died_after_the_claim_leaves_the_lines_to_the_next_day(self, reader: User) -> None:
        tell(reader, severity="LOW")
        deliver()
        assert NotificationPreferences.of(reader).claim_digest(self.MORNING.date())

        assert send_digests(at=self.MORNING) == 0
        assert send_digests(at=self.MORNING + timedelta(days=1)) == 1

    def test_somebody_without_a_digest_gets_none(self, tess: User) -> None:
        tell(tess, severity="LOW")
        deliver()

        assert send_digests(at=self.MORNING) == 0
        assert not Delivery.objects.filter(channel="DIGEST").exists()


def test_pruning_forgets_what_was_read_and_tried_long_ago(tess: User) -> None:
    long_ago = timezone.now() - timedelta(days=91)
    for title in ("old", "unread", "recent"):
        tell(tess, severity="HIGH", title=title)
    deliver()
    tess.notifications.filter(title="old").update(read_at=long_ago)
    tess.notifications.filter(title="recent").update(read_at=timezone.now())
    DeliveryAttempt.objects.filter(delivery__notification__title="unread").update(at=long_ago)

    tasks.prune()

    assert set(tess.notifications.values_list("title", flat=True)) == {"unread", "recent"}
    assert DeliveryAttempt.objects.count() == 1
