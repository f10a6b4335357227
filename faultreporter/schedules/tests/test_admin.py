"""The page of the periodic work."""

from collections.abc import Callable
from typing import Any

import pytest
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask, PeriodicTasks

from faultreporter.accounts.models import User

pytestmark = pytest.mark.django_db
LIST = "/admin/django_celery_beat/periodictask/"
Backoffice = Callable[[User], Any]


@pytest.fixture
def sweep() -> PeriodicTask:
    every = IntervalSchedule.objects.create(every=30, period=IntervalSchedule.SECONDS)
    return PeriodicTask.objects.create(name="Sweep", task="aiassist.tasks.sweep", interval=every)


def test_says_when_in_words(backoffice: Backoffice, adam: User, sweep: PeriodicTask) -> None:
    monday = CrontabSchedule.objects.create(minute="0", hour="5", day_of_week="1", timezone="UTC")
    PeriodicTask.objects.create(name="Weekly report", task="analytics.tasks.weekly", crontab=monday)

    page = backoffice(adam).get(LIST).content.decode()

    assert "every 30 seconds" in page
    assert "only on Monday" in page


def test_switches_a_schedule_off_and_beat_hears_of_it(backoffice: Backoffice, adam: User, sweep: PeriodicTask) -> None:
    before = PeriodicTasks.last_change()

    backoffice(adam).post(LIST, {"action": "switch_off", "_selected_action": [sweep.pk]})

    sweep.refresh_from_db()
    assert not sweep.enabled
    assert PeriodicTasks.last_change() > before


def test_times_are_not_changed_here(backoffice: Backoffice, adam: User, sweep: PeriodicTask) -> None:
    assert backoffice(adam).post(f"{LIST}{sweep.pk}/change/", {"name": "Mine"}).status_code == 403
    assert backoffice(adam).get(f"{LIST}add/").status_code == 403


def test_is_the_administrators(backoffice: Backoffice, mona: User) -> None:
    assert backoffice(mona).get(LIST).status_code == 403
