"""Faults coming in."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from alerts.models import Alert
from alerts.services import report_fault
from alerts.signals import alert_raised
from alerts.tests.factories import AlertFactory, fire, make_rule
from equipment.models import Equipment, StatusInterval
from equipment.tests.factories import EquipmentFactory
from faultreporter.accounts.models import User
from faultreporter.attachments.tests.factories import make_attachment
from faultreporter.errors import HasOpenWork, ValidationFailed
from telemetry import voiding
from telemetry.models import Cleared
from telemetry.signals import rule_cleared, rule_fired

pytestmark = pytest.mark.django_db


@pytest.fixture
def raised() -> Any:
    """What was said about new alerts."""
    said: list[tuple[Alert, bool]] = []

    def hear(alert: Alert, analyze: bool, **_: Any) -> None:
        said.append((alert, analyze))

    alert_raised.connect(hear)
    yield said
    alert_raised.disconnect(hear)


def test_a_report_becomes_an_open_alert(rita: User, raised: Any) -> None:
    photo = make_attachment(by=rita)

    alert, is_new = report_fault(
        equipment=EquipmentFactory.create(),
        title="Drips",
        by=rita,
        at=timezone.now(),
        attachments=[photo],
        analyze=True,
    )

    assert (is_new, alert.status, alert.source, alert.severity) == (True, "OPEN", "REPORT", "MEDIUM")
    assert (alert.reported_by, list(alert.attachments.all())) == (rita, [photo])
    assert raised == [(alert, True)]


def test_a_repeat_counts_on_the_open_alert_and_the_worse_holds(rita: User, tess: User, raised: Any) -> None:
    first = AlertFactory.create(title="Drips  a lot", severity="MEDIUM", reported_by=rita)
    earlier = timezone.now() - timedelta(hours=1)

    again, is_new = report_fault(
        equipment=first.equipment, title="drips a LOT", severity="CRITICAL", by=tess, at=timezone.now(),
        occurred_at=earlier, description="Now it pours", attachments=[make_attachment(by=tess)],
    )  # fmt: skip

    assert (is_new, again.pk, again.occurrences, again.severity) == (False, first.pk, 2, "CRITICAL")
    assert (again.occurred_at, again.reported_by) == (earlier, rita)
    assert again.attachments.count() == 1
    assert again.events.get(kind="REPEATED").note == "Now it pours"
    assert Equipment.objects.get().status == "ERROR"
    assert len(raised) == 1


def test_a_lesser_repeat_does_not_make_it_less(rita: User) -> None:
    first = AlertFactory.create(title="Drips", severity="HIGH")

    again, _ = report_fault(equipment=first.equipment, title="Drips", severity="LOW", by=rita, at=timezone.now())

    assert again.severity == "HIGH"


def test_what_was_resolved_is_a_new_fault(rita: User) -> None:
    first = AlertFactory.create(title="Drips")
    first.resolve(by=rita, at=timezone.now())

    again, is_new = report_fault(equipment=first.equipment, title="Drips", by=rita, at=timezone.now())

    assert is_new
    assert again.pk != first.pk


def test_another_machine_or_title_is_another_fault(rita: User) -> None:
    first = AlertFactory.create(title="Drips")

    report_fault(equipment=EquipmentFactory.create(), title="Drips", by=rita, at=timezone.now())
    report_fault(equipment=first.equipment, title="Hums", by=rita, at=timezone.now())

    assert Alert.objects.count() == 3


def test_a_critical_fault_on_a_machine_that_runs(rita: User) -> None:
    AlertFactory.create(critical=True, equipment_down=False)

    assert not StatusInterval.objects.exists()


@pytest.mark.parametrize("off", [timedelta(days=-7, minutes=-1), timedelta(minutes=6)])
def test_the_time_it_occurred_has_limits(off: timedelta, rita: User) -> None:
    now = timezone.now()

    with pytest.raises(ValidationFailed) as refused:
        report_fault(equipment=EquipmentFactory.create(), title="Drips", by=rita, at=now, occurred_at=now + off)

    assert refused.value.details[0].field == "occurred_at"


def test_a_fast_clock_is_forgiven(rita: User) -> None:
    now = timezone.now()

    alert, _ = report_fault(
        equipment=EquipmentFactory.create(), title="Drips", by=rita, at=now, occurred_at=now + timedelta(minutes=4)
    )

    assert alert.occurred_at == now


def test_telemetry_raises_and_clears(raised: Any) -> None:
    rule, series = make_rule(EquipmentFactory.create())
    reading = type("Reading", (), {"value": 8.4})()

    facts = {"sender": type(rule), "rule": rule, "series": series, "at": timezone.now(), "version": 1}

    rule_fired.send(**facts, reading=reading, because="Vibration was 8.4 mm/s.")
    alert = Alert.objects.get()
    assert (alert.source, alert.title, alert.severity, alert.is_firing) == ("RULE", "Vibration too high", "HIGH", True)
    assert "8.4 mm/s" in alert.description
    assert raised == [(alert, False)]

    reason = Cleared.DELETED
    rule_cleared.send(**facts, reading=None, reason=reason, because="Rule deleted")
    alert.refresh_from_db()
    assert not alert.is_firing
    assert alert.events.get(kind="CLEARED").data == {"reason": "DELETED", "because": "Rule deleted"}


def test_a_machine_with_open_alerts_stays(mona: User) -> None:
    alert = AlertFactory.create()

    with pytest.raises(HasOpenWork):
        alert.equipment.soft_delete(by=mona, at=timezone.now())

    alert.resolve(by=mona, at=timezone.now())
    alert.equipment.soft_delete(by=mona, at=timezone.now())


def test_alerts_of_readings_that_are_declared_void_are_counted() -> None:
    now = timezone.now()
    rule, series = make_rule(EquipmentFactory.create())
    during = fire(rule, series, at=now - timedelta(hours=2))
    during.dismiss(by=None, at=now)
    fire(rule, series, at=now - timedelta(hours=1))

    def raised(hours: int) -> dict[str, int]:
        return voiding.alerts_raised([series.pk], since=now - timedelta(hours=hours), until=now)

    assert (raised(3), raised(1), raised(0)) == (
        {"open": 1, "closed": 1}, {"open": 1, "closed": 0}, {"open": 0, "closed": 0},
    )  # fmt: skip
