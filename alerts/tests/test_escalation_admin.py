"""Escalation in the back office: a policy with its steps in order, an alert's ladder, the next step now."""

from typing import Any

import pytest
from django.urls import reverse

from alerts.models import EscalationPolicy
from alerts.tests.factories import AlertFactory
from alerts.tests.policies import TELL_MANAGERS, WAIT_10, again, make_policy, wait
from faultreporter.accounts.models import User

pytestmark = pytest.mark.django_db
ADD = reverse("admin:alerts_escalationpolicy_add")


def form(*rows: dict[str, Any], policy: EscalationPolicy | None = None, **fields: Any) -> dict[str, Any]:
    """What the page's form sends: the first rows are the policy's own."""
    own = list(policy.steps.all()) if policy else []
    sent: dict[str, Any] = {
        "name": "Nights", "is_active": "on", "minimum_severity": "LOW", "reminders": "2", "steps-MIN_NUM_FORMS": 0,
        "steps-MAX_NUM_FORMS": 1000, "steps-TOTAL_FORMS": len(rows), "steps-INITIAL_FORMS": len(own), **fields,
    }  # fmt: skip
    for number, said in enumerate(rows):
        row = {"id": str(own[number].pk), "policy": str(policy.pk), **said} if number < len(own) else said
        sent |= {f"steps-{number}-{name}": value for name, value in row.items()}
    return sent


def kinds(policy: EscalationPolicy) -> list[str]:
    return list(policy.steps.values_list("kind", flat=True))


def test_it_works(backoffice: Any, mona: User) -> None:
    rows = (
        {"kind": "NOTIFY_ROLE", "role": "MANAGER", "position": "2"},
        {"kind": "WAIT", "minutes": "10", "position": "1"},
        {"kind": "RAISE_SEVERITY"},
    )

    answer = backoffice(mona).post(ADD, form(*rows))

    assert answer.status_code == 302, answer.context["errors"]
    policy = EscalationPolicy.objects.get()
    assert kinds(policy) == ["WAIT", "NOTIFY_ROLE", "RAISE_SEVERITY"]
    page = backoffice(mona).get(answer["Location"]).content.decode()
    assert "Nights" in page


def test_the_page_says_what_happens(backoffice: Any, mona: User) -> None:
    policy = make_policy(WAIT_10, TELL_MANAGERS, wait(75), again(2))

    page = backoffice(mona).get(reverse("admin:alerts_escalationpolicy_change", args=[policy.pk])).content.decode()

    assert "After 10 minutes" in page
    assert "After 1 h 25 min" in page
    assert "start again, 2 times" in page


def test_a_mistake_is_shown_at_its_row(backoffice: Any, mona: User) -> None:
    answer = backoffice(mona).post(ADD, form({"kind": "NOTIFY_ROLE", "role": "MANAGER"}, {"kind": "WAIT"}))

    assert answer.status_code == 200
    assert "“Wait” needs this." in answer.content.decode()
    assert not EscalationPolicy.objects.exists()


def test_the_list_is_changed_as_one(backoffice: Any, mona: User) -> None:
    policy = make_policy()
    rows = (
        {"kind": "WAIT", "minutes": "5", "position": "0"},
        {"kind": "NOTIFY_ROLE", "role": "MANAGER", "position": "1", "DELETE": "on"},
        {"kind": "NOTIFY_ASSIGNED", "position": "2"},
    )
    url = reverse("admin:alerts_escalationpolicy_change", args=[policy.pk])

    answer = backoffice(mona).post(url, form(*rows, policy=policy))

    assert answer.status_code == 302, answer.context["errors"]
    policy.refresh_from_db()
    assert (policy.name, policy.version, kinds(policy)) == ("Nights", 2, ["WAIT", "NOTIFY_ASSIGNED"])


def test_an_alert_shows_its_ladder_and_takes_the_next_step(backoffice: Any, mona: User) -> None:
    make_policy(WAIT_10, TELL_MANAGERS, wait(20), again(1))
    alert = AlertFactory.create()
    url = reverse("admin:alerts_alert_change", args=[alert.pk])

    before = backoffice(mona).get(url).content.decode()
    answer = backoffice(mona).post(reverse("admin:alerts_alert_escalate", args=[alert.pk]), {})
    after = backoffice(mona).get(url).content.decode()

    assert answer.status_code == 302
    assert "next: tell every maintenance manager here" in " ".join(before.split())
    assert "Told Mona." in after


def test_an_alert_without_a_policy_says_so(backoffice: Any, mona: User) -> None:
    alert = AlertFactory.create()

    page = backoffice(mona).get(reverse("admin:alerts_alert_change", args=[alert.pk])).content.decode()

    assert "No policy fits this alert" in page
    assert "Escalate now" not in page
