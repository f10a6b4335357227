"""What can happen to an alert, and what can't."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from alerts.models import Alert, AlertEvent, StillFiring
from alerts.tests.factories import AlertFactory, clear, fire, firing_alert, make_rule
from equipment.models import Equipment, StatusInterval
from equipment.tests.factories import EquipmentFactory
from faultreporter.accounts.models import User
from faultreporter.errors import Duplicate, InvalidTransition, NotFound, ValidationFailed

pytestmark = pytest.mark.django_db
Status, Resolution = Alert.Status, Alert.Resolution

MOVES: dict[str, Callable[[Alert, User, datetime], None]] = {
    "acknowledge": lambda a, by, at: a.acknowledge(by=by, at=at),
    "resolve": lambda a, by, at: a.resolve(by=by, at=at, note="Belt replaced"),
    "dismiss": lambda a, by, at: a.dismiss(by=by, at=at),
    "silence": lambda a, by, at: a.silence(by=by, at=at, until=at + timedelta(hours=1)),
    "reopen": lambda a, by, at: a.reopen(by=by, at=at, reason="It is back"),
}
ENDS = {
    ("acknowledge", "OPEN"): "ACKNOWLEDGED",
    ("resolve", "OPEN"): "RESOLVED",
    ("resolve", "ACKNOWLEDGED"): "RESOLVED",
    ("dismiss", "OPEN"): "RESOLVED",
    ("dismiss", "ACKNOWLEDGED"): "RESOLVED",
    ("silence", "OPEN"): "OPEN",
    ("silence", "ACKNOWLEDGED"): "ACKNOWLEDGED",
    ("reopen", "RESOLVED"): "OPEN",
}


def alert_in(status: str, by: User) -> Alert:
    alert = AlertFactory.create()
    if status == "ACKNOWLEDGED":
        alert.acknowledge(by=by, at=timezone.now())
    if status == "RESOLVED":
        alert.resolve(by=by, at=timezone.now())
    return alert


def kinds(alert: Alert) -> list[str]:
    return list(alert.events.order_by("at", "id").values_list("kind", flat=True))


def machine(alert: Alert) -> Equipment:
    return Equipment.objects.get(pk=alert.equipment_id)


@pytest.mark.parametrize("status", Status.values)
@pytest.mark.parametrize("move", MOVES)
def test_the_whole_table_of_moves(move: str, status: str, tess: User) -> None:
    alert = alert_in(status, tess)
    end = ENDS.get((move, status))

    if end is None:
        with pytest.raises(InvalidTransition) as refused:
            MOVES[move](alert, tess, timezone.now())
        assert refused.value.meta["from"] == status
        assert move not in [m["action"] for m in alert.allowed_transitions()]
    else:
        assert move in [m["action"] for m in alert.allowed_transitions()]
        MOVES[move](alert, tess, timezone.now())
        assert Alert.objects.get(pk=alert.pk).status == end


def test_the_table_names_every_move() -> None:
    assert set(Alert.LIFECYCLE.moves) == set(MOVES)


def test_every_move_is_on_the_timeline(tess: User) -> None:
    alert = AlertFactory.create(reported_by=tess)
    for move in ("acknowledge", "silence", "resolve", "reopen", "dismiss"):
        MOVES[move](alert, tess, timezone.now())

    assert kinds(alert) == ["RAISED", "ACKNOWLEDGED", "SILENCED", "RESOLVED", "REOPENED", "DISMISSED"]
    assert alert.events.exclude(by=tess).count() == 0


def test_a_critical_report_takes_the_machine_down_from_when_it_occurred() -> None:
    occurred_at = timezone.now() - timedelta(hours=2)

    alert = AlertFactory.create(critical=True, occurred_at=occurred_at)

    assert machine(alert).status == "ERROR"
    assert alert.downtime is not None
    assert (alert.downtime.started_at, alert.downtime.counts_as_failure) == (occurred_at, True)


def test_a_lesser_report_leaves_the_machine_running() -> None:
    alert = AlertFactory.create(severity="HIGH")

    assert (machine(alert).status, alert.downtime) == ("ONLINE", None)


def test_resolving_brings_the_machine_back(tess: User) -> None:
    alert = AlertFactory.create(critical=True)
    at = timezone.now()

    alert.resolve(by=tess, at=at)

    interval = StatusInterval.objects.get()
    assert (machine(alert).status, interval.ended_at, interval.counts_as_failure) == ("ONLINE", at, True)


def test_resolving_one_of_two_faults_leaves_the_machine_down(tess: User) -> None:
    one = AlertFactory.create(critical=True)
    other = AlertFactory.create(critical=True, equipment=one.equipment)

    one.resolve(by=tess, at=timezone.now())

    assert machine(one).status == "ERROR"
    other.resolve(by=tess, at=timezone.now())
    assert machine(one).status == "ONLINE"
    assert StatusInterval.objects.count() == 1


def test_a_dismissed_alert_was_no_failure(tess: User) -> None:
    alert = AlertFactory.create(critical=True)

    alert.dismiss(by=tess, at=timezone.now(), note="Sensor cable loose")

    interval = StatusInterval.objects.get()
    assert (interval.counts_as_failure, interval.exclusion_reason) == (False, "FALSE_ALARM")
    assert (alert.resolution, machine(alert).status) == ("FALSE_ALARM", "ONLINE")


def test_a_false_alarm_beside_a_true_fault_changes_nothing_about_the_failure(tess: User) -> None:
    true = AlertFactory.create(critical=True)
    false = AlertFactory.create(critical=True, equipment=true.equipment)

    true.resolve(by=tess, at=timezone.now())
    false.dismiss(by=tess, at=timezone.now())

    assert StatusInterval.objects.get().counts_as_failure is True


def test_a_reopened_false_alarm_counts_again(tess: User) -> None:
    alert = AlertFactory.create(critical=True)
    alert.dismiss(by=tess, at=timezone.now())

    alert.reopen(by=tess, at=timezone.now(), reason="It really leaks")

    assert machine(alert).status == "ERROR"
    assert not StatusInterval.objects.filter(counts_as_failure=False).exists()


def test_resolving_as_a_false_alarm_is_dismissing(tess: User) -> None:
    alert = AlertFactory.create()

    alert.resolve(by=tess, at=timezone.now(), resolution=Resolution.FALSE_ALARM)

    assert kinds(alert)[-1] == AlertEvent.Kind.DISMISSED


def test_a_firing_alert_cannot_be_resolved(tess: User) -> None:
    alert = firing_alert()

    with pytest.raises(StillFiring):
        alert.resolve(by=tess, at=timezone.now())

    assert "resolve" not in [move["action"] for move in alert.allowed_transitions()]


def test_a_cleared_alert_waits_for_a_person(tess: User) -> None:
    rule, series = make_rule(EquipmentFactory.create())
    alert = fire(rule, series)

    clear(rule, series)

    alert.refresh_from_db()
    assert (alert.status, alert.is_firing) == ("OPEN", False)
    alert.resolve(by=tess, at=timezone.now(), resolution=Resolution.SELF_CLEARED)
    assert alert.status == "RESOLVED"


def test_firing_again_counts_on_the_open_alert() -> None:
    rule, series = make_rule(EquipmentFactory.create())
    alert = fire(rule, series)
    clear(rule, series)

    again = fire(rule, series, value=9.0)

    assert (again.pk, again.occurrences, again.is_firing) == (alert.pk, 2, True)
    assert kinds(alert) == ["RAISED", "CLEARED", "FIRED_AGAIN"]


def test_a_repair_while_still_firing_resolves_when_it_clears(tess: User) -> None:
    rule, series = make_rule(EquipmentFactory.create())
    alert = fire(rule, series)
    alert.mark_repaired(by=tess, at=timezone.now())
    assert alert.status == "OPEN"
    cleared_at = timezone.now()

    clear(rule, series, at=cleared_at)

    alert.refresh_from_db()
    assert (alert.status, alert.resolution) == ("RESOLVED", "FIXED")
    assert (alert.resolved_by, alert.resolved_at) == (tess, cleared_at)


def test_clearing_what_is_resolved_or_was_never_raised_does_nothing(tess: User) -> None:
    rule, series = make_rule(EquipmentFactory.create())
    clear(rule, series)
    alert = fire(rule, series)
    alert.dismiss(by=tess, at=timezone.now())

    clear(rule, series)

    alert.refresh_from_db()
    assert alert.cleared_at is None


def test_repair_of_a_resolved_alert_changes_nothing(tess: User) -> None:
    alert = alert_in("RESOLVED", tess)

    alert.mark_repaired(by=tess, at=timezone.now())

    assert alert.repaired_at is None


def test_a_repair_taken_back_reopens_the_alert(tess: User) -> None:
    alert = AlertFactory.create(critical=True)
    repaired_at = timezone.now()
    alert.mark_repaired(by=tess, at=repaired_at)

    alert.take_back_repair(repaired_at=repaired_at, by=tess, at=timezone.now(), reason="Still leaks")

    assert (alert.status, machine(alert).status) == ("OPEN", "ERROR")


def test_a_repair_taken_back_while_firing_no_longer_resolves_by_itself(tess: User) -> None:
    rule, series = make_rule(EquipmentFactory.create())
    alert = fire(rule, series)
    repaired_at = timezone.now()
    alert.mark_repaired(by=tess, at=repaired_at)
    alert.take_back_repair(repaired_at=repaired_at, by=tess, at=timezone.now(), reason="Wrong bearing")

    clear(rule, series)

    alert.refresh_from_db()
    assert alert.status == "OPEN"


def test_another_repair_cannot_be_taken_back(tess: User) -> None:
    alert = AlertFactory.create()
    alert.mark_repaired(by=tess, at=timezone.now())

    alert.take_back_repair(repaired_at=timezone.now(), by=tess, at=timezone.now(), reason="?")

    assert alert.status == "RESOLVED"


def test_reopening_beside_a_newer_alert_of_the_same_fault_is_refused(tess: User) -> None:
    old = AlertFactory.create(title="Leaks")
    old.resolve(by=tess, at=timezone.now())
    AlertFactory.create(title="leaks ", equipment=old.equipment)

    with pytest.raises(Duplicate):
        old.reopen(by=tess, at=timezone.now(), reason="It is back")


@pytest.mark.parametrize("hours", [-1, 24 * 31])
def test_a_silence_lies_within_the_next_days(hours: int, tess: User) -> None:
    alert = AlertFactory.create()

    with pytest.raises(ValidationFailed):
        alert.silence(by=tess, at=timezone.now(), until=timezone.now() + timedelta(hours=hours))


def test_a_silence_can_end_early(tess: User) -> None:
    alert = AlertFactory.create()
    alert.silence(by=tess, at=timezone.now(), until=timezone.now() + timedelta(hours=1))

    alert.silence(by=tess, at=timezone.now(), until=None)

    assert alert.silenced_until is None


def test_editing_says_what_changed(tess: User) -> None:
    alert = AlertFactory.create(title="Nois", severity="LOW")

    alert.change(by=tess, at=timezone.now(), title="Noise", severity="LOW")

    event = alert.events.get(kind="EDITED")
    assert event.data == {"title": {"from": "Nois", "to": "Noise"}}


def test_editing_nothing_is_no_event(tess: User) -> None:
    alert = AlertFactory.create(title="Noise")

    alert.change(by=tess, at=timezone.now(), title="Noise")

    assert kinds(alert) == ["RAISED"]


def test_saying_that_the_machine_runs_after_all(tess: User) -> None:
    alert = AlertFactory.create(critical=True)

    alert.change(by=tess, at=timezone.now(), equipment_down=False)
    assert machine(alert).status == "ONLINE"

    alert.change(by=tess, at=timezone.now(), equipment_down=True)
    assert machine(alert).status == "ERROR"


def test_a_deleted_alert_lets_the_machine_go_and_comes_back(mona: User) -> None:
    alert = AlertFactory.create(critical=True)

    alert.soft_delete(by=mona, at=timezone.now())
    assert machine(alert).status == "ONLINE"
    assert StatusInterval.objects.get().counts_as_failure is False
    with pytest.raises(NotFound):
        alert.acknowledge(by=mona, at=timezone.now())

    alert.restore(by=mona, at=timezone.now())
    assert machine(alert).status == "ERROR"
    assert kinds(alert) == ["RAISED", "DELETED", "RESTORED"]


def test_restoring_beside_a_newer_alert_of_the_same_fault_is_refused(mona: User) -> None:
    old = AlertFactory.create(title="Leaks")
    old.soft_delete(by=mona, at=timezone.now())
    AlertFactory.create(title="Leaks", equipment=old.equipment)

    with pytest.raises(Duplicate):
        old.restore(by=mona, at=timezone.now())


def test_who_is_concerned(tess: User, rita: User, olga: User) -> None:
    alert = AlertFactory.create(reported_by=rita)
    alert.equipment.assignments.create(user=tess)

    assert [alert.concerns(user) for user in (tess, rita, olga)] == [True, True, False]


def test_words_for_people() -> None:
    alert = AlertFactory.create(title="Leaks")

    assert str(alert) == "Leaks"
    assert str(alert.events.get()).startswith("Raised ")
