"""Who is told what about a work order."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from alerts.tests.factories import AlertFactory
from equipment.models import Team
from faultreporter.accounts.models import User
from workorders.models import WorkOrder
from workorders.services import raise_work_order
from workorders.tests.factories import order_in

pytestmark = pytest.mark.django_db


def told(user: User) -> list[str]:
    return [
        f"{kind} {title.partition(':')[0]}"
        for kind, title in user.notifications.order_by("id").values_list("kind", "title")
    ]


@pytest.fixture
def order(tess: User, rita: User, mona: User) -> WorkOrder:
    """Rita reported it, Mona raised the order, Tess does it."""
    made = raise_work_order(alert=AlertFactory.create(reported_by=rita), by=mona, at=timezone.now())
    made.assign(to=tess, by=mona, at=timezone.now())
    for person in (tess, rita, mona):
        person.notifications.all().delete()
    return made


def test_whom_it_is_given_to_is_told_as_gravely_as_it_is_urgent(tess: User, mona: User) -> None:
    order = order_in("OPEN", by=mona, priority="CRITICAL", title="Change the pump")

    order.assign(to=tess, by=mona, at=timezone.now())

    line = tess.notifications.get()
    assert (line.kind, line.severity) == ("ORDER_ASSIGNED", "CRITICAL")
    assert line.title == f"{order.number}: Change the pump"
    assert told(mona) == []


def test_whoever_takes_it_themselves_isnt_told(tess: User, mona: User) -> None:
    order = order_in("OPEN", by=mona)

    order.assign(to=tess, by=tess, at=timezone.now())

    assert told(tess) == []


def test_given_twice_is_told_twice(tess: User, mona: User) -> None:
    order = order_in("OPEN", by=mona)
    order.assign(to=tess, by=mona, at=timezone.now())
    order.assign(to=mona, by=mona, at=timezone.now())

    order.assign(to=tess, by=mona, at=timezone.now())

    assert len(told(tess)) == 2


def test_a_comment_reaches_all_but_its_author(order: WorkOrder, tess: User, rita: User, mona: User) -> None:
    order.comment(text="The part comes on Monday", by=tess, at=timezone.now())

    assert told(rita) == told(mona) == ["ORDER_UPDATED Comment"]
    assert told(tess) == []
    assert mona.notifications.get().body == "The part comes on Monday"


def test_hold_and_reopening(order: WorkOrder, tess: User, rita: User, mona: User) -> None:
    order.start(by=tess, at=timezone.now())
    order.hold(by=tess, at=timezone.now(), reason="Waits for a part")

    assert told(mona) == told(rita) == ["ORDER_UPDATED On hold"]


def test_a_completed_order_tells_its_creator_and_its_alert_tells_the_reporter(
    order: WorkOrder, tess: User, rita: User, mona: User
) -> None:
    order.start(by=tess, at=timezone.now())
    order.complete(by=tess, at=timezone.now(), resolution="New gasket")

    assert told(mona) == ["ORDER_UPDATED Completed"]
    assert told(rita) == ["ALERT_RESOLVED Resolved"]
    assert told(tess) == []


def test_cancelling_tells_whose_it_was(order: WorkOrder, tess: User, mona: User) -> None:
    order.cancel(by=mona, at=timezone.now(), reason="Not needed")

    assert told(tess) == ["ORDER_UPDATED Cancelled"]


def test_a_moves_news_costs_few_queries(order: WorkOrder, tess: User, django_assert_max_num_queries: Any) -> None:
    order.start(by=tess, at=timezone.now())

    with django_assert_max_num_queries(12):
        order.hold(by=tess, at=timezone.now(), reason="Waits for a part")


def test_a_teams_job_is_news_for_the_team_until_somebody_of_it_begins(tess: User, olga: User, mona: User) -> None:
    crew = Team.add(name="Lift crew", members=[tess, olga], by=None, at=timezone.now() - timedelta(days=1))
    order = order_in("OPEN", by=mona)
    order.assign(team=crew, by=mona, at=timezone.now())
    order.start(by=tess, at=timezone.now())

    order.comment(text="Bring the long ladder", by=mona, at=timezone.now())

    assert (len(told(tess)), len(told(olga))) == (2, 1)
