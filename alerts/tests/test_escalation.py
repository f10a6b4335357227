"""An alert that nobody takes care of climbs its ladder; whatever somebody does stops it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from alerts import escalation, services
from alerts.models import Alert, AlertEscalation, EscalationPolicy
from alerts.tests.factories import AlertFactory
from alerts.tests.policies import RAISE, TELL_ASSIGNED, TELL_MANAGERS, WAIT_10, again, make_policy, wait
from equipment.models import Equipment
from equipment.tests.factories import AssignmentFactory, EquipmentFactory
from faultreporter.accounts.models import User
from faultreporter.notifications.models import Notification
from faultreporter.outbox.models import OutboxMessage
from faultreporter.roles import Role
from faultreporter.testing import make_person
from locations.tests.factories import LocationFactory, SiteMembershipFactory

pytestmark = pytest.mark.django_db
NINE = datetime(2026, 3, 2, 9, tzinfo=UTC)


def at(clock: str) -> datetime:
    hours, minutes = clock.split(":")
    return NINE.replace(hour=int(hours), minute=int(minutes))


def raised(machine: Equipment | None = None, **fields: Any) -> Alert:
    return AlertFactory.create(equipment=machine or EquipmentFactory.create(), at=NINE, occurred_at=NINE, **fields)


def of(alert: Alert) -> AlertEscalation:
    return alert.escalations.latest("started_at")


def told() -> list[tuple[str, str]]:
    rows = Notification.objects.filter(key__startswith="escalation:").order_by("created_at", "user__display_name")
    return [(f"{row.created_at:%H:%M}", str(row.user)) for row in rows.select_related("user")]


def live_through(until: str) -> None:
    """Sweeps every minute, as beat does more often."""
    now = NINE
    while now <= at(until):
        escalation.sweep(at=now)
        now += timedelta(minutes=1)


def test_it_works(mona: User) -> None:
    make_policy()
    alert = raised()

    live_through("09:09")
    assert told() == []
    live_through("09:10")

    assert told() == [("09:10", "Mona")]
    assert of(alert).state == "DONE"
    (line,) = alert.events.filter(kind="ESCALATED")
    assert (line.note, line.by, line.data["people"][0]["name"]) == ("Told Mona.", None, "Mona")


def test_a_whole_ladder_by_the_clock(mona: User, tess: User, adam: User) -> None:
    machine = EquipmentFactory.create()
    AssignmentFactory.create(user=tess, equipment=machine, starts_at=NINE)
    person = {"kind": "NOTIFY_PERSON", "person": adam}
    make_policy(TELL_ASSIGNED, WAIT_10, TELL_MANAGERS, wait(15), RAISE, person, wait(20), again(2))
    alert = raised(machine, severity="LOW")

    live_through("12:00")

    # Round 1 begins at 09:00, and each next one twenty minutes after the severity was raised.
    assert told() == [
        ("09:00", "Tess"), ("09:10", "Mona"), ("09:25", "Adam"),
        ("09:45", "Tess"), ("09:55", "Mona"), ("10:10", "Adam"),
        ("10:30", "Tess"), ("10:40", "Mona"), ("10:55", "Adam"),
    ]  # fmt: skip
    alert.refresh_from_db()
    assert alert.severity == "CRITICAL"
    severities = [e.data["severity"]["to"] for e in alert.events.order_by("at") if "severity" in e.data]
    assert severities == ["MEDIUM", "HIGH", "CRITICAL"]
    assert (of(alert).state, of(alert).round) == ("DONE", 3)


def test_an_edit_reaches_later_alerts_only(mona: User, adam: User) -> None:
    policy = make_policy()
    alert = raised()

    policy.change(by=None, steps=[{"kind": "NOTIFY_PERSON", "person": adam}], name="Adam first")
    live_through("09:10")

    assert told() == [("09:10", "Mona")]
    assert (of(alert).policy_name, of(alert).policy_version, policy.version) == ("Whoever is there", 1, 2)
    assert of(raised(title="Another")).rungs[0]["name"] == "Adam"


def test_the_most_specific_policy_wins() -> None:
    machine = EquipmentFactory.create()
    site = machine.location.site
    make_policy(name="default")
    make_policy(name="severe", minimum_severity="HIGH")
    make_policy(name="reports", source="REPORT")
    make_policy(name="site", site=site)
    make_policy(name="other site", site=LocationFactory.create())
    make_policy(name="rules of the site", site=site, source="RULE")
    make_policy(name="not in force", site=site, source="REPORT", is_active=False)

    def policy_of(severity: str) -> str:
        return of(raised(EquipmentFactory.create(location=machine.location), severity=severity)).policy_name

    assert policy_of("CRITICAL") == "site"
    EscalationPolicy.objects.get(name="site").soft_delete(by=None, at=NINE)
    assert policy_of("CRITICAL") == "reports"
    EscalationPolicy.objects.get(name="reports").soft_delete(by=None, at=NINE)
    assert policy_of("CRITICAL") == "severe"
    assert policy_of("LOW") == "default"


def test_without_a_policy_nothing_escalates(mona: User) -> None:
    alert = raised()

    live_through("09:30")

    assert (told(), alert.escalations.count()) == ([], 0)


def test_an_alert_that_becomes_worse_may_get_a_policy_then(mona: User) -> None:
    make_policy(minimum_severity="HIGH")
    alert = raised(severity="LOW", title="Leaks")
    assert not alert.escalations.exists()

    services.report_fault(equipment=alert.equipment, title="Leaks", severity="HIGH", by=mona, at=at("09:05"))

    assert of(alert).next_at == at("09:15")


def moves(mona: User) -> dict[str, Callable[[Alert], None]]:
    other = raised(title="The same, seen by another")
    return {
        "ACKNOWLEDGED": lambda alert: alert.acknowledge(by=mona, at=at("09:05")),
        "RESOLVED": lambda alert: alert.resolve(by=mona, at=at("09:05")),
        "DISMISSED": lambda alert: alert.dismiss(by=mona, at=at("09:05")),
        "DELETED": lambda alert: alert.soft_delete(by=mona, at=at("09:05")),
        "MERGED": lambda alert: services.merge(into=other, alert_ids=[alert.pk], by=mona, at=at("09:05")),
        "WORK_ORDER": lambda alert: alert.hand_over(by=mona, at=at("09:05"), number="WO-1"),
    }


@pytest.mark.parametrize("reason", AlertEscalation.StopReason.values)
def test_whatever_somebody_does_stops_it(mona: User, reason: str) -> None:
    move = moves(mona)[reason]
    make_policy()
    alert = raised()

    move(alert)
    live_through("09:30")

    assert told() == []
    assert (of(alert).state, of(alert).stop_reason, of(alert).ended_at) == ("STOPPED", reason, at("09:05"))


def test_reopening_begins_with_the_policy_as_it_is_then(mona: User, adam: User) -> None:
    policy = make_policy()
    alert = raised()
    alert.resolve(by=mona, at=at("09:05"))
    policy.change(by=None, steps=[wait(5), {"kind": "NOTIFY_PERSON", "person": adam}])

    alert.reopen(by=mona, at=at("09:20"), reason="Still drips")
    live_through("09:40")

    assert told() == [("09:25", "Adam")]
    assert [e.state for e in alert.escalations.order_by("started_at")] == ["STOPPED", "DONE"]


def test_a_silence_pauses_and_the_rest_of_the_wait_follows_it(mona: User) -> None:
    make_policy()
    alert = raised()

    alert.silence(by=mona, at=at("09:04"), until=at("10:00"))  # six minutes were left
    live_through("10:30")

    assert told() == [("10:06", "Mona")]


def test_a_silence_that_ends_early_gives_back_what_was_left(mona: User) -> None:
    make_policy()
    alert = raised()

    alert.silence(by=mona, at=at("09:04"), until=at("10:00"))
    alert.silence(by=mona, at=at("09:10"), until=at("11:00"))
    alert.silence(by=mona, at=at("09:30"), until=None)
    live_through("10:30")

    assert told() == [("09:36", "Mona")]


def test_reminders_and_then_the_ladder_goes_on(mona: User, tess: User, adam: User) -> None:
    admins = {"kind": "NOTIFY_ROLE", "role": "ADMIN"}
    make_policy(WAIT_10, TELL_MANAGERS, WAIT_10, admins, remind_after_minutes=30, reminders=2)
    alert = raised()
    live_through("09:10")

    alert.acknowledge(by=tess, at=at("09:15"))
    live_through("12:00")

    # 09:45 and 10:15 remind her; half an hour after the last one the ladder goes on where it stood.
    assert told() == [("09:10", "Mona"), ("09:45", "Tess"), ("10:15", "Tess"), ("10:45", "Adam")]
    assert Notification.objects.filter(kind="ALERT_REMINDER").count() == 2
    assert of(alert).state == "DONE"


def test_a_work_order_ends_the_reminders(mona: User, tess: User) -> None:
    make_policy(remind_after_minutes=30)
    alert = raised()
    alert.acknowledge(by=tess, at=at("09:05"))

    alert.hand_over(by=mona, at=at("09:20"), number="WO-1")
    live_through("12:00")

    assert told() == []


def test_after_an_outage_nobody_is_rung_up_by_all_steps_at_once(mona: User, adam: User) -> None:
    admins = {"kind": "NOTIFY_ROLE", "role": "ADMIN"}
    make_policy(WAIT_10, TELL_MANAGERS, wait(15), admins)
    raised()

    for minute in range(60):  # nothing ran from nine to eleven
        escalation.sweep(at=at("11:00") + timedelta(minutes=minute))

    assert told() == [("11:00", "Mona"), ("11:15", "Adam")]


def test_a_wake_up_of_another_step_does_nothing(mona: User) -> None:
    make_policy(WAIT_10, TELL_MANAGERS, wait(5), again(1))
    alert = raised()
    live_through("09:10")
    now = of(alert)

    for position in ({"round": 1, "step": 0}, {"round": 2, "step": 0}, {"round": 2, "step": 1}):
        escalation.advance_one(escalation_id=now.pk, reminded=0, at=at("11:00"), **position)
    assert told() == [("09:10", "Mona")]
    escalation.advance_one(escalation_id=now.pk, round=1, step=1, reminded=0, at=at("09:14"))  # too early

    assert of(alert).position == now.position


def test_each_step_asks_to_be_woken_in_time() -> None:
    make_policy()
    alert = raised()

    bell = OutboxMessage.objects.get(task="alerts.tasks.advance_escalation")

    assert (bell.available_at, bell.payload["escalation_id"]) == (at("09:10"), str(of(alert).pk))


def test_people_of_the_site_come_before_those_of_elsewhere(mona: User) -> None:
    machine = EquipmentFactory.create()
    here = make_person("Maria", Role.MANAGER)
    SiteMembershipFactory.create(user=here, site=machine.location.site)
    make_policy()
    raised(machine)

    live_through("09:10")

    assert told() == [("09:10", "Maria")]


def test_nobody_is_told_of_what_is_out_of_their_sight(mona: User, olga: User) -> None:
    machine = EquipmentFactory.create()
    site = machine.location.site
    type(site).objects.filter(pk=site.pk).update(open_to_all=False)
    AssignmentFactory.create(user=olga, equipment=machine, starts_at=NINE)
    make_policy(TELL_ASSIGNED, TELL_MANAGERS, {"kind": "NOTIFY_PERSON", "person": mona})
    alert = raised(machine)

    live_through("09:10")

    assert told() == []
    assert set(alert.events.filter(kind="ESCALATED").values_list("note", flat=True)) == {"There was nobody to tell."}


def test_one_that_fails_is_put_off_and_does_not_keep_the_others(mona: User) -> None:
    make_policy()
    broken, whole = raised(title="Broken"), raised(title="Whole")
    AlertEscalation.objects.filter(alert=broken).update(rungs=[{"after": 10, "kind": "NOTIFY_PERSON", "person": "?"}])

    escalation.sweep(at=at("09:10"))

    assert told() == [("09:10", "Mona")]
    assert of(whole).state == "DONE"
    assert (of(broken).failures, of(broken).next_at) == (1, at("09:12"))


def test_the_first_alert_of_a_storm_speaks_for_all(mona: User) -> None:
    make_policy()
    machine = EquipmentFactory.create()
    alerts = [raised(machine, title=f"Symptom {n}") for n in range(6)]
    speaking = [a.title for a in alerts if a.escalations.exists()]
    storm = [a for a in alerts if a.storm_id]

    assert len(speaking) + len(storm) == 6
    Alert.objects.get(pk=storm[0].storm_id).resolve(by=mona, at=at("09:05"))

    assert Alert.objects.get(pk=storm[0].pk).escalations.running().count() == 1


def test_a_thousand_at_once_move_in_small_batches(mona: User, django_assert_max_num_queries: Any) -> None:
    make_policy()
    machine = EquipmentFactory.create()
    alerts = [raised(EquipmentFactory.create(location=machine.location)) for _ in range(12)]

    with django_assert_max_num_queries(4 * 5 + 13 * 10):
        assert escalation.sweep(at=at("09:10"), batch=5) == 12

    assert Notification.objects.filter(kind="ALERT_ESCALATED").count() == len(alerts)
