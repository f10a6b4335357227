"""Two workers at the same work: one of them does it."""

from collections.abc import Callable
from threading import Barrier, Thread

import pytest
from django.core import mail
from django.db import connection

from analytics.models import AssetReliability, OperationsReport
from analytics.rollup import roll_up
from analytics.tests.factories import AFTER_Q1, at, golden_machine
from analytics.weekly import send_reports_of_last_week
from faultreporter.accounts.models import User

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(work: Callable[[], object], times: int = 2) -> list[object]:
    """The results of `work`, done in that many threads that start together."""
    gate, results = Barrier(times), []

    def run() -> None:
        gate.wait()
        try:
            results.append(work())
        finally:
            connection.close()

    threads = [Thread(target=run) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_two_roll_ups_make_each_row_once() -> None:
    for _ in range(3):
        golden_machine()

    done = at_once(lambda: roll_up(year=2026, quarter=1, as_of=AFTER_Q1))

    assert len(done) == 2
    assert AssetReliability.objects.count() == 3
    assert set(AssetReliability.objects.values_list("revision", flat=True)) == {1}


def test_two_runs_of_the_weekly_report_send_one_mail(mona: User) -> None:
    sent = at_once(lambda: send_reports_of_last_week(at=at(3, 9, 6)))

    assert sorted(sent) == [0, 1]  # type: ignore[type-var]  # numbers
    assert [one.to for one in mail.outbox] == [[mona.email]]
    assert OperationsReport.objects.count() == 1
