"""Who is told what about an alert."""

from typing import Any

import pytest
from django.utils import timezone

from alerts import services
from alerts.models import Alert
from alerts.tests.factories import AlertFactory
from equipment.models import Equipment
from equipment.tests.factories import EquipmentFactory
from faultreporter.accounts.models import User
from faultreporter.notifications.models import Notification
from locations.tests.factories import LocationFactory, SiteMembershipFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def chiller(tess: User) -> Equipment:
    machine: Equipment = EquipmentFactory.create(equipment_name="Chiller 2", location=LocationFactory.create())
    machine.assignments.create(user=tess)
    return machine


def told(user: User) -> list[tuple[str, str]]:
    return list(user.notifications.order_by("id").values_list("kind", "title"))


def report(chiller: Equipment, by: User | None = None, **fields: Any) -> Alert:
    return AlertFactory.create(equipment=chiller, title="Drips", reported_by=by, **fields)


def test_whoever_looks_after_the_machine_is_told(chiller: Equipment, tess: User, rita: User, olga: User) -> None:
    alert = report(chiller, rita)

    assert told(tess) == [("ALERT_RAISED", "Chiller 2: Drips")]
    assert (told(rita), told(olga)) == ([], [])
    line = tess.notifications.get()
    assert (line.subject_type, line.subject_id, line.group) == (
        "alerts.alert",
        str(alert.pk),
        f"equipment:{chiller.pk}",
    )


@pytest.mark.parametrize(("severity", "is_told"), [("MEDIUM", False), ("HIGH", True), ("CRITICAL", True)])
def test_managers_of_the_site_are_told_of_what_is_grave(
    severity: str, is_told: bool, chiller: Equipment, mona: User, adam: User
) -> None:
    SiteMembershipFactory.create(user=mona, site=chiller.location)

    report(chiller, severity=severity)

    assert bool(told(mona)) == is_told
    assert told(adam) == []


def test_the_reporter_isnt_told_of_their_own_report(chiller: Equipment, tess: User) -> None:
    report(chiller, tess)

    assert told(tess) == []


def test_somebody_whose_assignment_ended_isnt_told(chiller: Equipment, tess: User) -> None:
    chiller.assignments.update(starts_at=chiller.created_at, ends_at=chiller.created_at)

    report(chiller)

    assert told(tess) == []


def test_nobody_is_told_of_a_site_they_dont_see(chiller: Equipment, tess: User, olga: User) -> None:
    chiller.assignments.create(user=olga)
    chiller.location.open_to_all = False
    chiller.location.save()
    SiteMembershipFactory.create(user=tess, site=chiller.location)

    report(chiller)

    assert (len(told(tess)), told(olga)) == (1, [])


def test_somebody_who_is_not_active_isnt_told(chiller: Equipment, tess: User) -> None:
    User.objects.filter(pk=tess.pk).update(is_active=False)

    report(chiller)

    assert not Notification.objects.exists()


def test_a_repeat_tells_nobody_anew(chiller: Equipment, tess: User, rita: User) -> None:
    report(chiller, rita)
    report(chiller, rita)

    assert len(told(tess)) == 1


def test_symptoms_of_a_storm_call_nobody_unless_critical(chiller: Equipment, tess: User) -> None:
    for number in range(services.STORM_SIZE + 3):
        services.report_fault(equipment=chiller, title=f"Symptom {number}", by=None, at=timezone.now())
    calls = len(told(tess))

    services.report_fault(equipment=chiller, title="It burns", by=None, at=timezone.now(), severity="CRITICAL")

    assert calls == services.STORM_SIZE - 1
    assert told(tess)[-1] == ("ALERT_RAISED", "Chiller 2: It burns")


def test_its_reporters_hear_how_it_ended(chiller: Equipment, tess: User, rita: User, olga: User) -> None:
    alert = report(chiller, rita)
    report(chiller, olga)

    alert.resolve(by=tess, at=timezone.now(), note="New gasket")

    assert told(rita) == told(olga) == [("ALERT_RESOLVED", "Resolved: Drips")]
    assert rita.notifications.get().body == "New gasket"


def test_a_reporter_who_resolves_it_isnt_told(chiller: Equipment, tess: User) -> None:
    alert = report(chiller, tess)

    alert.dismiss(by=tess, at=timezone.now())

    assert told(tess) == []


def test_a_comment_reaches_the_reporter_and_whoever_looks_after_the_machine(
    chiller: Equipment, tess: User, rita: User, mona: User
) -> None:
    alert = report(chiller, rita)

    alert.comment(text="Since when?", by=mona, at=timezone.now())

    assert told(rita) == [("ALERT_UPDATED", "Comment: Drips")]
    assert told(tess)[-1] == ("ALERT_UPDATED", "Comment: Drips")
    assert told(mona) == []


def test_a_fault_that_is_back_is_news_as_grave_as_the_fault(chiller: Equipment, tess: User, mona: User) -> None:
    alert = report(chiller, severity="CRITICAL")
    alert.resolve(by=mona, at=timezone.now())

    alert.reopen(by=mona, at=timezone.now(), reason="Drips again")

    line = tess.notifications.get(kind="ALERT_UPDATED")
    assert (line.title, line.severity) == ("Open again: Drips", "CRITICAL")
