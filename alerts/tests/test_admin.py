"""Alerts in the back office."""

from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from alerts.models import Alert
from alerts.tests.factories import AlertFactory, firing_alert
from equipment.models import Equipment
from equipment.tests.factories import EquipmentFactory
from faultreporter.accounts.models import User
from faultreporter.attachments.tests.factories import make_attachment
from locations.tests.factories import LocationFactory

pytestmark = pytest.mark.django_db
LIST = "/admin/alerts/alert/"


def page(alert: Alert) -> str:
    return reverse("admin:alerts_alert_change", args=[alert.pk])


def button(alert: Alert, name: str) -> str:
    return reverse(f"admin:alerts_alert_{name}", args=[alert.pk])


@pytest.fixture
def browser(backoffice: Any, mona: User) -> Any:
    return backoffice(mona)


def test_the_list_shows_severity_and_status_in_colour(browser: Any, django_assert_max_num_queries: Any) -> None:
    AlertFactory.create_batch(3, critical=True)
    AlertFactory.create(
        title="Hidden", equipment=EquipmentFactory.create(location=LocationFactory.create(restricted=True))
    )

    with django_assert_max_num_queries(30):
        html = browser.get(LIST).content.decode()

    assert html.count("bg-red-100") >= 6
    assert "Hidden" not in html


@pytest.mark.parametrize(
    "query", ["?q=seal", "?status__exact=OPEN", "?occurred_at_from_0=2026-01-01&occurred_at_from_1=00:00", "?deleted=1"]
)
def test_the_list_is_searched_and_filtered(query: str, browser: Any) -> None:
    AlertFactory.create(title="Drips at the seal")

    html = browser.get(LIST + query).content.decode()

    assert "Drips at the seal" in html


def test_a_page_shows_files_timeline_and_possible_moves(
    browser: Any, tess: User, django_assert_max_num_queries: Any
) -> None:
    alert = AlertFactory.create(critical=True, reported_by=tess, attachments=[make_attachment(by=tess)])

    with django_assert_max_num_queries(30):
        html = browser.get(page(alert)).content.decode()

    assert "<img src=" in html
    assert "Raised" in html
    for name in ("acknowledge", "resolve", "dismiss", "silence", "raise_work_order"):
        assert button(alert, name) in html
    assert button(alert, "reopen") not in html


def test_a_firing_alert_offers_no_resolving(browser: Any) -> None:
    alert = firing_alert()

    assert button(alert, "resolve") not in browser.get(page(alert)).content.decode()
    answer = browser.post(button(alert, "resolve"), {"resolution": "FIXED"})
    assert "condition still holds" in answer.content.decode()


@pytest.mark.parametrize(
    ("move", "body", "status"),
    [
        ("acknowledge", {"note": "On my way"}, "ACKNOWLEDGED"),
        ("resolve", {"resolution": "SELF_CLEARED", "note": ""}, "RESOLVED"),
        ("dismiss", {}, "RESOLVED"),
        ("silence", {"hours": "8"}, "OPEN"),
        ("silence", {"hours": "0"}, "OPEN"),
    ],
)
def test_a_button_asks_and_then_moves(move: str, body: dict[str, str], status: str, browser: Any, mona: User) -> None:
    alert = AlertFactory.create(critical=True)

    asked = browser.get(button(alert, move))
    assert asked.status_code == 200
    alert.refresh_from_db()
    assert alert.status == "OPEN"

    done = browser.post(button(alert, move), body)
    assert (done.status_code, done["Location"]) == (302, page(alert))
    alert.refresh_from_db()
    assert alert.status == status
    assert alert.events.order_by("-at", "-id")[0].by == mona


def test_reopening_asks_for_a_reason(browser: Any, tess: User) -> None:
    alert = AlertFactory.create()
    alert.resolve(by=tess, at=timezone.now())

    assert "This field is required" in browser.post(button(alert, "reopen"), {"reason": ""}).content.decode()
    assert browser.post(button(alert, "reopen"), {"reason": "Back"}).status_code == 302
    alert.refresh_from_db()
    assert alert.status == "OPEN"


def test_what_is_unknown_or_out_of_sight_has_no_page(browser: Any) -> None:
    hidden = AlertFactory.create(equipment=EquipmentFactory.create(location=LocationFactory.create(restricted=True)))

    assert browser.get(button(hidden, "acknowledge")).status_code == 404
    assert browser.post(button(hidden, "acknowledge")).status_code == 404


def test_only_words_are_edited(browser: Any) -> None:
    alert = AlertFactory.create(title="Nois")

    body = {"title": "Noise", "severity": "HIGH", "description": "", "status": "RESOLVED"}
    answer = browser.post(page(alert), management(body))

    assert answer.status_code == 302, answer.content.decode()
    alert.refresh_from_db()
    assert (alert.title, alert.severity, alert.status) == ("Noise", "HIGH", "OPEN")
    assert alert.events.filter(kind="EDITED").exists()


def test_reporting_and_repeating(browser: Any) -> None:
    machine = EquipmentFactory.create()
    body = {"equipment": str(machine.pk), "title": "Drips", "severity": "CRITICAL", "equipment_down": "on"}

    for _ in range(2):
        answer = browser.post(f"{LIST}add/", {**body, "description": ""})
        assert answer.status_code == 302, answer.content.decode()

    assert Alert.objects.get().occurrences == 2
    assert Equipment.objects.get().status == "ERROR"


def test_deleting(browser: Any) -> None:
    alert = AlertFactory.create(critical=True)

    browser.post(reverse("admin:alerts_alert_delete", args=[alert.pk]), {"post": "yes"})

    alert.refresh_from_db()
    assert alert.is_deleted
    assert Equipment.objects.get().status == "ONLINE"


def test_converting(browser: Any, mona: User) -> None:
    alert = AlertFactory.create()

    assert browser.post(button(alert, "raise_work_order")).status_code == 302
    order = alert.work_orders.get()
    html = browser.get(page(alert)).content.decode()
    assert order.number in html
    assert button(alert, "raise_work_order") not in html
    again = browser.post(button(alert, "raise_work_order")).content.decode()
    assert "was raised for this alert already" in again
    refused = browser.post(reverse("admin:alerts_alert_delete", args=[alert.pk]), {"post": "yes"}, follow=True)
    assert "is not finished" in refused.content.decode()


def management(body: dict[str, str]) -> dict[str, str]:
    """The form's body with the empty inline forms that come with it."""
    return {
        **body,
        **{
            f"{prefix}-{name}": "0" for prefix in ("events", "work_orders") for name in ("TOTAL_FORMS", "INITIAL_FORMS")
        },
    }
