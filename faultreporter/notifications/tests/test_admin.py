"""The back office: one's own inbox and settings, and the administrators' ledger."""

from collections.abc import Callable
from datetime import time
from typing import Any

import pytest
from django.urls import reverse

from faultreporter.accounts.models import User
from faultreporter.notifications.models import Delivery, NotificationPreferences, PushTarget
from faultreporter.notifications.tests import google
from faultreporter.notifications.tests.factories import phone_of, tell
from faultreporter.notifications.tests.google import FakeFcm
from faultreporter.outbox.testing import deliver

pytestmark = pytest.mark.django_db
Browse = Callable[[User], Any]
INBOX = "/admin/notifications/notification/mine/"
SETTINGS = f"{INBOX}preferences/"
WHOLE = {
    "push_for": ["ALERT_RAISED"], "push_minimum": "LOW", "email_for": ["ALERT_RAISED"], "email_minimum": "HIGH",
    "digest": "DAILY", "digest_hour": "8",
}  # fmt: skip


def test_it_works(backoffice: Browse, mona: User, tess: User) -> None:
    tell(mona, title="Pump 3 leaks")
    tell(tess, title="Not for Mona")

    page = backoffice(mona).get(INBOX).content.decode()

    assert "Pump 3 leaks" in page
    assert "Not for Mona" not in page
    assert 'title="1 unread notification"' in page


def test_the_bell_is_on_every_page(backoffice: Browse, mona: User) -> None:
    tell(mona)
    tell(mona)

    assert 'title="2 unread notifications"' in backoffice(mona).get("/admin/").content.decode()


def test_an_empty_inbox_says_what_will_come(backoffice: Browse, mona: User) -> None:
    assert "You are told of grave faults" in backoffice(mona).get(INBOX).content.decode()


def test_opening_a_line_marks_it_and_leads_to_what_it_is_about(backoffice: Browse, mona: User) -> None:
    tell(mona)
    line = mona.notifications.get()

    answer = backoffice(mona).post(INBOX, {"open": str(line.pk)})

    assert answer.url == reverse("admin:accounts_user_change", args=[mona.pk])
    line.refresh_from_db()
    assert line.read_at is not None


@pytest.mark.parametrize("sent", ["", "nonsense", "another's"])
def test_another_line_is_not_opened(sent: str, backoffice: Browse, mona: User, tess: User) -> None:
    tell(tess)
    line = tess.notifications.get()

    answer = backoffice(mona).post(INBOX, {"open": str(line.pk) if sent == "another's" else sent})

    assert answer.url == INBOX
    line.refresh_from_db()
    assert line.read_at is None


def test_marking_all(backoffice: Browse, mona: User) -> None:
    tell(mona)
    tell(mona)

    backoffice(mona).post(INBOX, {"all": "1"})

    assert not mona.notifications.unread().exists()


def test_settings_are_saved(backoffice: Browse, mona: User) -> None:
    browser = backoffice(mona)
    assert browser.get(SETTINGS).status_code == 200

    answer = browser.post(SETTINGS, {**WHOLE, "quiet_from": "22:00", "quiet_to": "06:00"})

    mine = NotificationPreferences.of(mona)
    assert answer.status_code == 302
    assert (mine.digest, mine.digest_hour, mine.quiet_from, mine.quiet_to) == ("DAILY", 8, time(22), time(6))
    assert "ALERT_RAISED" not in mine.push_off
    assert "ORDER_ASSIGNED" in mine.push_off
    assert 'value="22:00"' in browser.get(SETTINGS).content.decode()


def test_half_of_the_quiet_hours_is_refused_beside_the_field(backoffice: Browse, mona: User) -> None:
    answer = backoffice(mona).post(SETTINGS, {**WHOLE, "quiet_from": "22:00"})

    assert answer.status_code == 200
    assert "both a beginning and an end" in answer.content.decode()


def test_a_technician_has_no_way_in(backoffice: Browse, tess: User) -> None:
    assert backoffice(tess).get(INBOX).status_code == 302


def test_an_administrator_sends_again_what_failed(fcm: FakeFcm, backoffice: Browse, adam: User, tess: User) -> None:
    phone_of(tess)
    fcm.faults.append(google.BAD_MESSAGE)
    tell(tess)
    deliver()
    failed = Delivery.objects.get(channel="PUSH")

    page = reverse("admin:notifications_delivery_changelist")
    answer = backoffice(adam).post(page, {"action": "send_again", "_selected_action": [str(failed.pk)]}, follow=True)
    deliver()

    assert "1 delivery is tried again" in answer.content.decode()
    assert Delivery.objects.get(channel="PUSH").state == "SENT"


def test_an_administrator_removes_a_phone_without_seeing_its_token(backoffice: Browse, adam: User, tess: User) -> None:
    phone = phone_of(tess, "installation-0815")
    browser = backoffice(adam)

    page = browser.get(reverse("admin:notifications_pushtarget_changelist")).content.decode()
    browser.post(reverse("admin:notifications_pushtarget_delete", args=[phone.pk]), {"post": "yes"})

    assert "…0815" in page
    assert "installation-0815" not in page
    assert not PushTarget.objects.exists()
