"""Alarm performance: a day counted by hand, and any days against a plain count."""

from datetime import date, timedelta
from typing import Any

import pytest

from alerts.models import Alert
from analytics.alarms.figures import Share, Spread
from analytics.alarms.performance import machine_rows, performance, rule_rows
from analytics.tests.alarms import NOW, clock, days, episode, golden, report, settled_rule
from analytics.tests.factories import at, machine, site_of
from faultreporter.accounts.models import User

pytestmark = pytest.mark.django_db


class TestGolden:
    """The example of docs/alarm-performance.md."""

    def test_it_works(self, adam: User, django_assert_max_num_queries: Any) -> None:
        golden(adam)

        with django_assert_max_num_queries(3):
            found = performance(Alert.objects.living(), days(2, 3))

        load = found.load
        assert (load.begins, load.alerts, load.of_rules, load.alarms) == (6, 4, 3, 4)
        assert (found.per_day, [day.begins for day in found.days]) == (3.0, [5, 1])
        assert (load.self_cleared, load.fleeting_share) == (Share(3, 3), Share(2, 3))
        assert (load.longest_fleeting_s, load.chattering, load.chattering_alarms) == (360, 1, 1)
        assert load.answered_share == Share(2, 3)
        assert load.to_acknowledge == Spread(2, 3900, pytest.approx(6540))
        assert load.to_resolve == Spread(2, 8100, pytest.approx(13140))
        assert load.false_share == Share(1, 2)
        assert load.false_share.is_few

    def test_the_fullest_ten_minutes(self, adam: User) -> None:
        golden(adam)

        found = performance(Alert.objects.living(), days(2, 3))

        assert found.peak
        assert (found.peak.begins, found.peak.starts_at) == (3, clock("10:00"))
        assert found.floods == Share(0, 288)

    def test_what_has_most_of_the_load_comes_first(self, adam: User) -> None:
        rule, fan = golden(adam)

        found = performance(Alert.objects.living(), days(2, 3))

        worst = found.bad_actors[0]
        assert (worst.rule_id, worst.begins, worst.share, worst.cumulative) == (rule.pk, 3, Share(3, 6), Share(3, 6))
        assert [actor.cumulative.count for actor in found.bad_actors] == [3, 4, 5, 6]
        assert {actor.equipment for actor in found.bad_actors[1:]} == {fan}
        assert found.top_share == Share(6, 6)
        assert found.severities == {
            "LOW": Share(1, 6),
            "MEDIUM": Share(1, 6),
            "HIGH": Share(3, 6),
            "CRITICAL": Share(1, 6),
        }
        assert (found.sources["RULE"], found.sources["REPORT"]) == (Share(3, 6), Share(3, 6))

    def test_rules_and_machines(self, adam: User, django_assert_max_num_queries: Any) -> None:
        rule, fan = golden(adam)

        with django_assert_max_num_queries(2):
            (row,) = rule_rows(Alert.objects.living(), days(2, 3))
        with django_assert_max_num_queries(2):
            machines = {one.record: one for one in machine_rows(Alert.objects.living(), days(2, 3))}

        assert (row.record, row.load.begins, row.share, row.per_day) == (rule, 3, Share(3, 3), 1.5)
        assert (row.load.false_share, row.load.to_resolve.median_s) == (Share(1, 1), 14400)
        assert (machines[fan].load.begins, machines[fan].load.judged, machines[fan].share) == (3, 2, Share(3, 6))


class TestEdges:
    def test_nothing_has_no_shares_and_no_times(self) -> None:
        machine()

        found = performance(Alert.objects.living(), days(2, 3))

        assert (found.load.begins, found.per_day, found.standing, found.peak) == (0, 0.0, 0, None)
        assert found.load.false_share.share is None
        assert found.load.to_acknowledge == Spread(0, None, None)
        assert [share.share for share in found.severities.values()] == [None] * 4
        assert (found.sites, found.bad_actors, found.load.last_at) == ([], [], None)

    def test_a_period_to_come_has_no_rate(self) -> None:
        found = performance(Alert.objects.living(), days(2, 3, now=at(3, 1)))

        assert (found.per_day, found.floods.share) == (None, None)

    def test_a_period_that_lasts_counts_the_time_so_far(self) -> None:
        pump = machine()
        for hour in range(3):
            report(pump, f"Fault {hour}", clock(f"0{hour}:00"))

        found = performance(Alert.objects.living(), days(2, 3, now=clock("12:00")))

        assert (found.per_day, found.floods) == (6.0, Share(0, 72))

    def test_what_begins_before_or_after_it_is_not_in_it(self) -> None:
        pump = machine()
        for when in (clock("23:59", day=1), clock("00:00"), clock("23:59"), clock("00:00", day=3)):
            report(pump, f"Fault at {when}", when)

        assert performance(Alert.objects.living(), days(2, 2)).load.begins == 2

    def test_what_is_open_at_the_end_stands_after_a_day(self) -> None:
        pump = machine()
        old = report(pump, "Old", clock("00:00", day=2))
        report(pump, "Young", clock("00:01", day=3))
        later = report(pump, "Resolved later", clock("10:00", day=2))
        later.acknowledge(by=None, at=clock("11:00", day=2))  # type: ignore[arg-type]
        later.resolve(by=None, at=clock("10:00", day=5))

        found = {day: performance(Alert.objects.living(), days(2, day)).standing for day in (2, 3, 5)}

        assert found == {2: 1, 3: 2, 5: 2}
        assert performance(Alert.objects.filter(pk=old.pk), days(3, 3)).load.begins == 0

    def test_duplicates_are_part_of_the_load_and_judge_nobody(self, adam: User) -> None:
        golden(adam)

        loud = performance(Alert.objects.filter(title="Loud"), days(2, 3)).load

        assert (loud.begins, loud.judged, loud.resolved, loud.to_resolve.median_s) == (1, 0, 0, None)

    def test_an_alert_that_was_deleted_never_was(self, adam: User) -> None:
        report(machine(), "By mistake", clock("10:00")).soft_delete(by=adam, at=clock("10:01"))

        assert performance(Alert.objects.living(), days(2, 2)).load.begins == 0

    def test_who_looks_first_keeps_it_from_being_fleeting(self, adam: User) -> None:
        rule, series = settled_rule()
        episode(rule, series, clock("10:00")).acknowledge(by=adam, at=clock("10:02"))
        alarm = episode(rule, series, clock("10:00"))
        alarm.clear(at=clock("10:05"), data={"reason": "RECOVERED"})

        load = performance(Alert.objects.living(), days(2, 2)).load

        assert (load.recovered, load.fleeting) == (0, 0)

    def test_an_edited_rule_has_cleared_nothing(self) -> None:
        episode(*settled_rule(), clock("10:00")).clear(at=clock("10:01"), data={"reason": "EDITED"})

        assert performance(Alert.objects.living(), days(2, 2)).load.recovered == 0

    def test_chattering_reaches_back_over_the_start(self) -> None:
        rule, series = settled_rule()
        for when in (clock("23:30", day=1), clock("23:50", day=1), clock("00:10")):
            episode(rule, series, when, minutes=2)

        load = performance(Alert.objects.living(), days(2, 2)).load

        assert (load.begins, load.chattering, load.chatter_gap_s) == (1, 1, 1200)

    def test_days_are_those_of_the_clock(self) -> None:
        report(machine(), "Late", clock("23:30"))

        (_second, third) = performance(Alert.objects.living(), days(2, 3, zone="Europe/Berlin")).days

        assert (third.day, third.begins) == (date(2026, 3, 3), 1)

    def test_sites_are_told_apart(self) -> None:
        pump, fan, loose = machine(), machine(), machine(location=None)
        for each in (pump, pump, fan, loose):
            report(each, f"Fault {Alert.objects.count()}", clock("10:00"))

        found = performance(Alert.objects.living(), days(2, 3)).sites

        assert (found[0].site, found[0].begins, found[0].per_day) == (site_of(pump), 2, 1.0)
        assert {one.site for one in found[1:]} == {site_of(fan), None}

    def test_a_flood_is_more_than_ten_in_ten_minutes(self) -> None:
        pump = machine()
        for number in range(10):
            report(pump, f"Fault {number}", clock("10:09"))
        calm = performance(Alert.objects.living(), days(2, 2)).floods
        report(pump, "One more", clock("10:00"))

        found = performance(Alert.objects.living(), days(2, 2))

        assert (calm, found.floods) == (Share(0, 144), Share(1, 144))
        assert found.peak
        assert found.peak.begins == 11


class TestAfterAChange:
    def test_it_tells_before_from_after(self) -> None:
        rule, series = settled_rule()
        for day in (2, 3, 4, 5, 9):
            episode(rule, series, clock("10:00", day=day), minutes=60)
        type(rule).objects.filter(pk=rule.pk).update(effective_from=clock("00:00", day=6), version=2)

        (row,) = rule_rows(Alert.objects.living(), days(2, 9))

        assert (row.changed_at, row.per_day_before, row.per_day_since) == (clock("00:00", day=6), 1.0, 0.25)

    def test_less_than_a_day_tells_nothing_yet(self) -> None:
        rule, series = settled_rule()
        episode(rule, series, clock("10:00"), minutes=60)
        type(rule).objects.filter(pk=rule.pk).update(effective_from=NOW - timedelta(hours=1), version=2)

        (row,) = rule_rows(Alert.objects.living(), days(2, 20))

        assert row.per_day_before is not None
        assert row.per_day_since is None

    def test_a_rule_that_only_stands_is_listed(self) -> None:
        rule, series = settled_rule()
        episode(rule, series, clock("10:00", day=2))

        (row,) = rule_rows(Alert.objects.living(), days(10, 12))

        assert (row.record, row.load.begins, row.standing, row.share.share) == (rule, 0, 1, None)
