from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from faultreporter.accounts.models import User
from faultreporter.accounts.tests.factories import UserFactory
from faultreporter.notifications.models import Notification
from faultreporter.notifications.services import notify

Kind = Notification.Kind


def tell(*people: User, key: str = "fault-1", **fields: Any) -> int:
    given = {"kind": Kind.ALERT_RAISED, "title": "Pump 3 leaks", "body": "", "subject": people[0]} | fields
    return notify(people=people, key=key, at=timezone.now(), **given)


def test_it_works(tess: User, mona: User) -> None:
    told = tell(tess, mona, severity="HIGH", title="Pump 3 leaks")

    line = tess.notifications.get()
    assert told == 2
    assert (line.kind, line.severity, line.title, line.read_at) == ("ALERT_RAISED", "HIGH", "Pump 3 leaks", None)
    assert (line.subject_type, line.subject_id) == ("accounts.user", str(tess.pk))
    assert line.group == f"user:{tess.pk}"


def test_a_person_is_told_once_per_key(tess: User, mona: User) -> None:
    tell(tess)

    assert tell(tess, mona, tess) == 1
    assert Notification.objects.count() == 2


def test_nobody_to_tell_is_no_error(db: None, tess: User) -> None:
    assert notify(people=[], kind=Kind.SYSTEM, title="x", body="", subject=tess, key="x", at=timezone.now()) == 0


def test_somebody_who_is_not_active_is_not_told(tess: User) -> None:
    tess.is_active = False

    assert tell(tess) == 0


def test_a_long_title_is_cut(tess: User) -> None:
    tell(tess, title="x" * 500)

    assert len(tess.notifications.get().title) == 200


@pytest.mark.django_db
def test_a_hundred_people_cost_as_many_queries_as_one(django_assert_max_num_queries: Callable[..., Any]) -> None:
    people = UserFactory.create_batch(100)

    with django_assert_max_num_queries(3):
        assert tell(*people) == 100
