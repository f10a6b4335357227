from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from analytics.tests.alarms import clock, episode, golden, report, settled_rule
from analytics.tests.answers import ROOT, data
from analytics.tests.factories import machine, site_of
from faultreporter.accounts.models import User
from faultreporter.testing import assert_error
from locations.tests.factories import LocationFactory
from telemetry.models import Rule

pytestmark = pytest.mark.django_db
HERE = f"{ROOT}/analytics/alarm-performance"
MARCH = "from=2026-03-02&to=2026-03-03"


class TestOverall:
    def test_it_works(self, api: Any, tess: User, adam: User, django_assert_max_num_queries: Any) -> None:
        rule, _fan = golden(adam)

        with django_assert_max_num_queries(5):
            found = data(api(tess).get(f"{HERE}?{MARCH}"))

        assert (found["begins"], found["alerts"], found["per_day"], found["standing"]) == (6, 4, 3.0, 0)
        assert found["false_alarms"] == {"count": 1, "of": 2, "share": 0.5, "is_few": True}
        assert found["to_acknowledge"]["median_s"] == 3900
        assert found["peak"] == {"begins": 3, "starts_at": "2026-03-02T10:00:00Z"}
        assert found["bad_actors"][0]["rule_id"] == str(rule.pk)
        assert [day["severities"]["CRITICAL"] for day in found["days"]] == [0, 1]
        assert (found["first_day"], found["tz"]) == ("2026-03-02", tess.time_zone)

    def test_what_nobody_knows_is_null(self, api: Any, tess: User) -> None:
        found = data(api(tess).get(HERE))

        assert (found["begins"], found["false_alarms"]["share"], found["to_resolve"]["p90_s"]) == (0, None, None)
        assert (found["peak"], found["last_at"], len(found["days"])) == (None, None, 30)

    def test_a_place_has_its_alarms_and_its_clock(self, api: Any, tess: User) -> None:
        pump = machine()
        site = site_of(pump)
        type(site).objects.filter(pk=site.pk).update(time_zone="Asia/Tokyo")
        report(pump, "Late in UTC", clock("20:00"))
        report(machine(), "Elsewhere", clock("10:00"))

        found = data(api(tess).get(f"{HERE}?{MARCH}&site_id={site.pk}"))
        room = data(api(tess).get(f"{HERE}?{MARCH}&location_id={pump.location_id}"))

        assert (found["tz"], [day["begins"] for day in found["days"]]) == ("Asia/Tokyo", [0, 1])
        assert [(one["site_id"], one["begins"]) for one in found["sites"]] == [(str(site.pk), 1)]
        assert room["begins"] == 1

    def test_sources_and_machines(self, api: Any, tess: User, adam: User) -> None:
        _rule, fan = golden(adam)

        assert data(api(tess).get(f"{HERE}?{MARCH}&source=report"))["begins"] == 3
        assert data(api(tess).get(f"{HERE}?{MARCH}&equipment_id={fan.pk}"))["begins"] == 3

    def test_hidden_sites_stay_hidden(self, api: Any, olga: User, adam: User) -> None:
        secret = machine(location=LocationFactory.create(restricted=True))
        report(secret, "Secret", clock("10:00"))

        found = data(api(olga).get(f"{HERE}?{MARCH}"))

        assert (found["begins"], found["sites"], found["bad_actors"]) == (0, [], [])
        assert data(api(adam).get(f"{HERE}?{MARCH}"))["begins"] == 1
        refused = api(olga).get(f"{HERE}?site_id={secret.location_id}")
        assert_error(refused, 400, "INVALID_PARAMETER", field="site_id")

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ("from=soon", "from"),
            ("from=2026-03-03&to=2026-03-02", "to"),
            ("from=0001-01-01&to=0001-01-02", "from"),
            ("from=9999-12-31&to=9999-12-31", "from"),
            ("source=GUESS", "source"),
            ("colour=red", "colour"),
            ("equipment_id=eq-1", "equipment_id"),
        ],
    )
    def test_it_refuses_what_it_does_not_know(self, api: Any, tess: User, query: str, field: str) -> None:
        assert_error(api(tess).get(f"{HERE}?{query}"), 400, "INVALID_PARAMETER", field=field)

    def test_more_than_a_year_is_refused(self, api: Any, tess: User) -> None:
        assert data(api(tess).get(f"{HERE}?from=2025-01-01&to=2026-01-01"))["begins"] == 0
        refused = api(tess).get(f"{HERE}?from=2024-12-31&to=2026-01-01")
        assert_error(refused, 422, "RANGE_TOO_LARGE", field="from")

    def test_a_site_and_a_place_at_once(self, api: Any, tess: User) -> None:
        place = LocationFactory.create()

        refused = api(tess).get(f"{HERE}?site_id={place.pk}&location_id={place.pk}")

        assert_error(refused, 400, "INVALID_PARAMETER", field="location_id")


@pytest.fixture
def noisy(db: None) -> Rule:
    """Cleared by itself seven times, each within four minutes, on the second of March."""
    rule, series = settled_rule(title="Wolf")
    for hour in range(1, 15, 2):
        episode(rule, series, clock(f"{hour:02}:00"), minutes=4)
    return rule


class TestRules:
    def test_it_works(self, api: Any, tess: User, noisy: Rule, django_assert_max_num_queries: Any) -> None:
        with django_assert_max_num_queries(4):
            (row,) = data(api(tess).get(f"{HERE}/rules?{MARCH}"))

        assert (row["rule_id"], row["title"], row["begins"], row["per_day"]) == (str(noisy.pk), "Wolf", 7, 3.5)
        assert row["fleeting"] == {"count": 7, "of": 7, "share": 1.0, "is_few": True}
        (advice,) = row["advice"]
        assert (advice["code"], advice["changes"]) == ("LENGTHEN_DURATION", {"for_s": 300})

    def test_the_advice_can_be_tried_on_the_past(self, api: Any, mona: User, noisy: Rule) -> None:
        (row,) = data(api(mona).get(f"{HERE}/rules?{MARCH}"))
        asked = {"from": "2026-03-02T00:00:00Z", "to": "2026-03-03T00:00:00Z", "changes": row["advice"][0]["changes"]}

        answer = api(mona).post(f"{ROOT}/iot-rules/{noisy.pk}/backtest", asked, format="json")

        assert answer.status_code == 200
        assert data(answer)["rule"]["for_s"] == 300

    def test_a_change_of_the_rule_takes_the_advice_away(self, api: Any, tess: User, noisy: Rule) -> None:
        noisy.change(by=None, at=timezone.now() - timedelta(minutes=1), for_s=300)

        (row,) = data(api(tess).get(f"{HERE}/rules?{MARCH}"))

        assert (row["begins"], row["version"], row["advice"]) == (7, 2, [])

    def test_it_filters_orders_and_pages(self, api: Any, tess: User, noisy: Rule) -> None:
        calm, series = settled_rule(title="calm", severity="LOW")
        episode(calm, series, clock("10:00"), minutes=60).acknowledge(by=tess, at=clock("11:00"))

        def titles(query: str) -> list[str]:
            return [row["title"] for row in data(api(tess).get(f"{HERE}/rules?{MARCH}&{query}"))]

        assert titles("") == ["Wolf", "calm"]
        assert titles("ordering=title") == ["calm", "Wolf"]
        assert titles("ordering=to_acknowledge") == titles("ordering=-to_acknowledge") == ["calm", "Wolf"]
        assert titles("has_advice=true") == titles("severity=high") == ["Wolf"]
        assert titles(f"rule_id={calm.pk}") == titles("has_advice=false") == ["calm"]
        assert titles("kind=STALE") == []
        assert titles("page_size=1&page=2") == ["calm"]
        page = api(tess).get(f"{HERE}/rules?{MARCH}&page_size=1").json()["pagination"]
        assert (page["total_count"], page["has_next"]) == (2, True)

    def test_reports_are_no_rules(self, api: Any, tess: User) -> None:
        report(machine(), "Noise", clock("10:00"))

        assert data(api(tess).get(f"{HERE}/rules?{MARCH}")) == []

    def test_another_order_is_refused(self, api: Any, tess: User) -> None:
        assert_error(api(tess).get(f"{HERE}/rules?ordering=colour"), 400, "INVALID_PARAMETER", field="ordering")

    def test_hidden_sites_stay_hidden(self, api: Any, olga: User) -> None:
        episode(*settled_rule(machine(location=LocationFactory.create(restricted=True))), clock("10:00"))

        assert data(api(olga).get(f"{HERE}/rules?{MARCH}")) == []


class TestMachines:
    def test_the_worst_come_first(self, api: Any, tess: User, noisy: Rule, django_assert_max_num_queries: Any) -> None:
        fan = machine()
        report(fan, "Noise", clock("10:00"))

        with django_assert_max_num_queries(4):
            rows = data(api(tess).get(f"{HERE}/equipment?{MARCH}"))

        assert [row["begins"] for row in rows] == [7, 1]
        assert rows[1]["equipment_id"] == str(fan.pk)
        assert rows[0]["share"]["of"] == 8
