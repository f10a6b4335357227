"""The weekly operations report: its figures, and one mail a manager whatever happens."""

from decimal import Decimal
from typing import Any

import pytest
from django.core import mail

from alerts.tests.factories import AlertFactory
from analytics.models import OperationsReport, ReportDelivery
from analytics.tests.alarms import golden
from analytics.tests.factories import IntervalFactory, at, completed_order, machine
from analytics.weekly import Week, deliver, report_for, send_reports_of_last_week, weekly_figures
from equipment.models import Equipment
from faultreporter.accounts.models import User
from faultreporter.roles import Role
from faultreporter.testing import make_person
from locations.tests.factories import LocationFactory

pytestmark = pytest.mark.django_db
MONDAY = at(3, 9, 6)
WEEK = Week(2026, 10)


class TestWeek:
    def test_the_week_before_a_monday_is_the_one_just_over(self) -> None:
        assert Week.before(MONDAY) == WEEK
        assert (WEEK.span.start, WEEK.span.end) == (at(3, 2), at(3, 9))

    def test_weeks_follow_the_iso_calendar_over_new_year(self) -> None:
        assert Week.before(at(1, 5)) == Week(2026, 1)
        assert Week(2026, 1).span.start == at(12, 29, year=2025)


class TestFigures:
    def test_they_tell_the_week(self, tess: User) -> None:
        down, fine = machine(), machine()
        IntervalFactory.create(equipment=down, started_at=at(3, 3), ended_at=at(3, 4))
        IntervalFactory.create(equipment=down, started_at=at(3, 8, 12))
        completed_order(down, by=tess, done=at(3, 4), labour_cost=Decimal(80))
        AlertFactory.create(equipment=fine, at=at(3, 5), equipment_down=False)

        figures = weekly_figures(Equipment.objects.all(), WEEK.span)

        assert (figures.machines, figures.machines_down) == (2, 1)
        assert (figures.alerts_raised, figures.alerts_resolved) == (1, 0)
        assert (figures.orders_completed, figures.orders_overdue) == (1, 0)
        assert figures.availability == pytest.approx(1 - 36 / 336)
        assert [(one.equipment_id, one.unplanned_down_hours, one.failure_count) for one in figures.worst_machines] == [
            (down.pk, 36, 2)
        ]
        assert [(cost.amount, cost.currency) for cost in figures.costs] == [(Decimal(80), "EUR")]

    def test_they_tell_the_loudest_alarm(self, adam: User) -> None:
        rule, _fan = golden(adam)

        alarms = weekly_figures(Equipment.objects.all(), WEEK.span).alarms

        assert (alarms.begins, alarms.false_alarms, alarms.loudest_begins) == (6, 1, 3)
        assert alarms.in_words() == f"6, 1 false; loudest: {rule.title}, {rule.equipment.equipment_code} (3)"

    def test_an_empty_building_has_no_availability(self) -> None:
        assert weekly_figures(Equipment.objects.all(), WEEK.span).availability is None

    def test_they_take_the_same_queries_for_many_machines(self, django_assert_max_num_queries: Any) -> None:
        for _ in range(4):
            IntervalFactory.create(started_at=at(3, 3))

        with django_assert_max_num_queries(11):
            weekly_figures(Equipment.objects.all(), WEEK.span)


class TestSending:
    def test_every_active_manager_gets_one(self, mona: User, tess: User, adam: User) -> None:
        make_person("Gone", Role.MANAGER, is_active=False)

        assert send_reports_of_last_week(at=MONDAY) == 1

        (sent,) = mail.outbox
        assert sent.to == [mona.email]
        assert sent.subject == "Operations report, week 10 of 2026"
        assert "Availability" in sent.body
        assert "text/html" in [kind for _content, kind in sent.alternatives]

    def test_running_again_sends_nothing(self, mona: User) -> None:
        send_reports_of_last_week(at=MONDAY)

        assert send_reports_of_last_week(at=at(3, 9, 7)) == 0
        assert (len(mail.outbox), OperationsReport.objects.count()) == (1, 1)

    def test_who_was_left_out_by_a_crash_gets_theirs_in_the_next_run(self, mona: User) -> None:
        deliver(report_for(mona, week=WEEK), mona, at=MONDAY)
        second = make_person("Milo", Role.MANAGER)

        assert send_reports_of_last_week(at=at(3, 9, 7)) == 1

        assert [one.to for one in mail.outbox] == [[mona.email], [second.email]]

    def test_a_claim_whose_sender_died_is_not_sent_again(self, mona: User) -> None:
        report = report_for(mona, week=WEEK)
        assert ReportDelivery.claim(report, mona, at=MONDAY)

        assert send_reports_of_last_week(at=at(3, 9, 7)) == 0
        assert ReportDelivery.objects.get().sent_at is None

    def test_a_mail_server_that_refuses_gives_the_claim_back(self, mona: User, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(*_args: Any, **_kwargs: Any) -> None:
            raise ConnectionRefusedError

        with monkeypatch.context() as broken:
            broken.setattr("django.core.mail.EmailMessage.send", refuse)
            assert send_reports_of_last_week(at=MONDAY) == 0

        assert send_reports_of_last_week(at=at(3, 9, 7)) == 1

    def test_the_report_stays_what_it_was(self, mona: User) -> None:
        before = report_for(mona, week=WEEK)
        machine()

        assert report_for(mona, week=WEEK) == before
        assert OperationsReport.objects.get().figures["machines"] == 0

    def test_what_is_hidden_from_a_manager_is_not_in_their_report(self, mona: User) -> None:
        site = LocationFactory.create(restricted=True)
        secret = machine(location=site, equipment_name="Secret <pump>")
        IntervalFactory.create(equipment=secret, started_at=at(3, 3))
        insider: User = make_person("Ina", Role.MANAGER)
        insider.site_memberships.create(site=site)

        send_reports_of_last_week(at=MONDAY)

        bodies = {one.to[0]: one.body for one in mail.outbox}
        assert "Secret <pump>" in bodies[insider.email]
        assert "Secret" not in bodies[mona.email]
        assert "Secret &lt;pump&gt;" in OperationsReport.objects.get(hidden_sites=[]).html
        assert OperationsReport.objects.for_user(mona).count() == 1
