from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from analytics.tests.alarms import episode, report, settled_rule
from analytics.tests.factories import machine, site_of
from faultreporter.accounts.models import User
from locations.tests.factories import LocationFactory
from telemetry.models import Rule

pytestmark = pytest.mark.django_db
PAGE = "/admin/analytics/assetreliability/alarms/"


@pytest.fixture
def wolf(db: None) -> Rule:
    """Cried seven times since yesterday, each time for four minutes."""
    rule, series = settled_rule(title="Wolf <b>")
    for hours in range(7, 0, -1):
        episode(rule, series, timezone.now() - timedelta(hours=3 * hours), minutes=4)
    return rule


def test_it_works(backoffice: Any, mona: User, wolf: Rule, django_assert_max_num_queries: Any) -> None:
    browser = backoffice(mona)

    with django_assert_max_num_queries(24):
        page = browser.get(PAGE).content.decode()

    assert "7 of 7 alarms cleared by themselves within 4 min: try a duration of 5 min." in page
    assert f"/admin/telemetry/rule/{wolf.pk}/try" in page
    assert "Wolf &lt;b&gt;" in page
    assert "No alarm began" not in page


def test_without_alarms_it_says_where_they_come_from(backoffice: Any, mona: User) -> None:
    page = backoffice(mona).get(PAGE).content.decode()

    assert "No alarm began in this time" in page
    assert "/admin/telemetry/rule/" in page


def test_a_site_is_looked_at_alone(backoffice: Any, mona: User, wolf: Rule) -> None:
    fan = machine()
    report(fan, "Belt torn", timezone.now())

    page = backoffice(mona).get(f"{PAGE}?days=7&site={site_of(fan).pk}").content.decode()

    assert "Belt torn" in page
    assert "Wolf" not in page


@pytest.mark.parametrize("query", ["days=8", "days=soon", "site=nowhere"])
def test_what_it_does_not_know_it_leaves_out(backoffice: Any, mona: User, wolf: Rule, query: str) -> None:
    assert "Wolf" in backoffice(mona).get(f"{PAGE}?{query}").content.decode()


def test_hidden_sites_stay_hidden(backoffice: Any, mona: User) -> None:
    secret = machine(location=LocationFactory.create(restricted=True, name="Vault"))
    report(secret, "Secret fault", timezone.now())

    page = backoffice(mona).get(PAGE).content.decode()

    assert "Secret fault" not in page
    assert "Vault" not in page


def test_a_rule_shows_its_last_thirty_days(backoffice: Any, mona: User, wolf: Rule) -> None:
    page = backoffice(mona).get(f"/admin/telemetry/rule/{wolf.pk}/change/").content.decode()

    assert "try a duration of 5 min" in page
    assert "7 of 7" in page


def test_a_quiet_rule_says_so(backoffice: Any, mona: User) -> None:
    rule, _series = settled_rule()

    page = backoffice(mona).get(f"/admin/telemetry/rule/{rule.pk}/change/").content.decode()

    assert "It has raised no alert in the last 30 days." in page
