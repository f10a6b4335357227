"""While the condition has cleared nobody else is told; once it is back, the escalation goes on where it stood."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.utils import timezone

from alerts import escalation, services, watchdog
from alerts.models import Alert, AlertEscalation
from alerts.tests.factories import AlertFactory, clear, fire, make_rule
from alerts.tests.parallel import AtOnce
from alerts.tests.policies import TELL_MANAGERS, WAIT_10, make_policy, wait
from alerts.tests.test_budgets import cost
from alerts.tests.test_escalation import NINE, at, live_through, of, told
from equipment.models import Equipment
from equipment.tests.factories import EquipmentFactory
from faultreporter.accounts.models import User
from faultreporter.notifications.models import Notification
from faultreporter.outbox.models import OutboxMessage

ADMINS = {"kind": "NOTIFY_ROLE", "role": "ADMIN"}


class Condition:
    """A rule on a machine, and its one alert."""

    def __init__(self, machine: Equipment | None = None) -> None:
        self.rule, self.series = make_rule(machine or EquipmentFactory.create())

    def holds(self, clock: str) -> Alert:
        return fire(self.rule, self.series, at=at(clock))

    def clears(self, clock: str) -> None:
        clear(self.rule, self.series, at=at(clock))


@pytest.fixture
def condition() -> Condition:
    return Condition()


@pytest.mark.django_db
class TestByTheClock:
    def test_it_works(self, condition: Condition, mona: User) -> None:
        make_policy()
        alert = condition.holds("09:00")

        condition.clears("09:04")  # six minutes were left
        live_through("10:00")
        assert told() == []
        assert (of(alert).is_held, of(alert).state, list(of(alert).planned())) == (True, "ACTIVE", [])

        condition.holds("10:00")
        live_through("11:00")
        assert told() == [("10:06", "Mona")]
        assert alert.escalations.count() == 1

    def test_each_time_it_fires_wears_the_wait_down(self, condition: Condition, mona: User) -> None:
        make_policy()
        for begun, over in (("09:00", "09:04"), ("09:10", "09:14")):
            condition.holds(begun)
            condition.clears(over)
        condition.holds("09:20")
        live_through("10:00")

        assert told() == [("09:22", "Mona")]

    def test_it_goes_on_from_the_step_where_it_stood(self, condition: Condition, mona: User, adam: User) -> None:
        make_policy(WAIT_10, TELL_MANAGERS, wait(20), ADMINS)
        condition.holds("09:00")
        live_through("09:10")

        condition.clears("09:15")
        live_through("11:00")
        condition.holds("11:00")
        live_through("12:00")

        assert told() == [("09:10", "Mona"), ("11:15", "Adam")]

    def test_a_step_that_was_overdue_follows_at_once(self, condition: Condition, mona: User) -> None:
        make_policy()
        condition.holds("09:00")
        condition.clears("09:15")  # no worker ran meanwhile

        condition.holds("09:40")
        live_through("09:40")

        assert told() == [("09:40", "Mona")]

    def test_reminders_wait_too(self, condition: Condition, mona: User, tess: User) -> None:
        make_policy(remind_after_minutes=30, reminders=2)
        condition.holds("09:00").acknowledge(by=tess, at=at("09:05"))

        condition.clears("09:25")  # ten minutes before the first reminder
        live_through("10:30")
        assert told() == []

        condition.holds("10:30")
        live_through("12:00")
        assert told() == [("10:40", "Tess"), ("11:10", "Tess"), ("11:40", "Mona")]

    def test_who_acknowledges_what_is_over_is_not_reminded(self, condition: Condition, mona: User, tess: User) -> None:
        make_policy(remind_after_minutes=30)
        alert = condition.holds("09:00")
        live_through("09:10")  # at the top
        condition.clears("09:12")

        alert.acknowledge(by=tess, at=at("09:15"))
        live_through("11:00")
        assert (told(), of(alert).state) == ([("09:10", "Mona")], "QUIET")

        condition.holds("11:00")
        live_through("11:30")
        assert told() == [("09:10", "Mona"), ("11:30", "Tess")]

    def test_a_silence_counts_once(self, condition: Condition, mona: User) -> None:
        make_policy()
        alert = condition.holds("09:00")
        alert.silence(by=mona, at=at("09:04"), until=at("10:00"))

        condition.clears("09:30")
        alert.silence(by=mona, at=at("09:40"), until=at("10:30"))
        condition.holds("09:50")
        live_through("11:00")

        assert told() == [("10:36", "Mona")]

    def test_what_a_person_says_counts_more_than_a_sensor(self, condition: Condition, mona: User, tess: User) -> None:
        make_policy(remind_after_minutes=30)
        alert = condition.holds("09:00")
        condition.clears("09:04")
        alert.resolve(by=tess, at=at("09:05"))

        alert.reopen(by=tess, at=at("09:20"), reason="Still hums")
        live_through("09:30")
        alert.acknowledge(by=tess, at=at("09:31"))
        live_through("10:01")

        assert told() == [("09:30", "Mona"), ("10:01", "Tess")]

    def test_a_report_is_never_over_by_itself(self, mona: User) -> None:
        make_policy()
        alert = AlertFactory.create(at=NINE, occurred_at=NINE, title="Drips")

        services.report_fault(equipment=alert.equipment, title="Drips", by=mona, at=at("09:05"))
        live_through("09:10")

        assert told() == [("09:10", "Mona")]

    def test_what_becomes_worse_while_it_is_over_gets_its_policy_when_it_is_back(
        self, condition: Condition, mona: User
    ) -> None:
        make_policy(minimum_severity="CRITICAL")
        alert = condition.holds("09:00")
        condition.clears("09:04")

        alert.change(by=mona, at=at("09:05"), severity="CRITICAL")
        assert not alert.escalations.exists()
        condition.holds("10:00")

        assert of(alert).next_at == at("10:10")


@pytest.mark.django_db
class TestWhileItIsHeld:
    @pytest.fixture
    def alert(self, condition: Condition, mona: User) -> Alert:
        make_policy(WAIT_10, TELL_MANAGERS, wait(20), TELL_MANAGERS)
        alert = condition.holds("09:00")
        condition.clears("09:04")
        return alert

    def test_a_wake_up_that_comes_late_finds_nothing_to_do(self, alert: Alert, condition: Condition) -> None:
        bell = OutboxMessage.objects.get(task="alerts.tasks.advance_escalation").payload

        assert escalation.advance_one(**bell, at=at("09:10")) == 0
        condition.holds("09:20")
        assert escalation.advance_one(**bell, at=at("09:21")) == 0
        assert told() == []

    def test_the_watchdog_misses_nothing(self, alert: Alert) -> None:
        AlertEscalation.objects.update(failures=5, updated_at=NINE)

        assert watchdog.look(at=at("23:00")).count == 0

    def test_the_next_step_can_be_taken_and_the_one_after_it_waits(self, alert: Alert, mona: User) -> None:
        escalation.escalate_now(alert=alert, by=mona, at=at("09:10"))
        live_through("12:00")

        assert told() == [("09:10", "Mona")]
        assert (of(alert).is_held, of(alert).wait_left) == (True, timedelta(minutes=20))

    def test_the_end_of_the_alert_ends_it(self, alert: Alert, condition: Condition, mona: User) -> None:
        alert.resolve(by=mona, at=at("09:05"), resolution="SELF_CLEARED")
        condition.holds("10:00")  # another alert

        assert (of(alert).state, of(alert).stop_reason) == ("STOPPED", "RESOLVED")


@pytest.mark.django_db
class TestInAStorm:
    @pytest.fixture
    def storm(self, mona: User) -> list[Condition]:
        """The first two speak for themselves, the third and the fourth are spoken for by the first."""
        make_policy()
        machine = EquipmentFactory.create()
        return [Condition(machine) for _ in range(4)]

    def test_another_speaks_while_the_first_is_over(self, storm: list[Condition]) -> None:
        first, _, third, fourth = (one.holds("09:00") for one in storm)
        storm[2].clears("09:02")

        storm[0].clears("09:05")

        assert (of(first).is_held, third.escalations.exists(), of(fourth).next_at) == (True, False, at("09:15"))

    def test_whoever_is_back_first_speaks_when_all_were_over(self, storm: list[Condition], mona: User) -> None:
        first, second, third, fourth = (one.holds("09:00") for one in storm)
        second.dismiss(by=mona, at=at("09:01"))
        for one in storm[2:]:
            one.clears("09:02")
        first.dismiss(by=mona, at=at("09:05"))
        assert not AlertEscalation.objects.running().exists()

        storm[3].holds("09:20")
        storm[2].holds("09:21")

        assert (of(fourth).next_at, third.escalations.exists()) == (at("09:30"), False)

    def test_nobody_speaks_while_somebody_takes_care(self, storm: list[Condition], tess: User) -> None:
        first, _, third, _ = (one.holds("09:00") for one in storm)
        first.acknowledge(by=tess, at=at("09:03"))

        storm[2].clears("09:04")
        storm[2].holds("09:05")

        assert not third.escalations.exists()


@pytest.mark.django_db
def test_it_says_so(api: Any, backoffice: Any, condition: Condition, mona: User) -> None:
    make_policy()
    alert = condition.holds("09:00")
    url = f"/api/v1/alerts/{alert.pk}"

    assert api(mona).get(url).json()["data"]["escalation"]["is_held"] is False
    condition.clears("09:04")
    stands = api(mona).get(url).json()["data"]["escalation"]
    page = backoffice(mona).get(f"/admin/alerts/alert/{alert.pk}/change/").content.decode()

    assert (stands["state"], stands["is_held"], stands["next_at"], stands["planned"]) == ("ACTIVE", True, None, [])
    assert "nobody else is told unless it returns" in page
    assert cost(lambda: api(mona).get(url)) <= 5


@pytest.mark.django_db(transaction=True)
def test_clearing_races_the_step(at_once: AtOnce, mona: User) -> None:
    """Either cleared before and nobody is told, or the step and then the clearing."""
    make_policy(WAIT_10, TELL_MANAGERS, wait(60), TELL_MANAGERS)
    now = timezone.now()
    conditions = [Condition() for _ in range(8)]
    alerts = [fire(one.rule, one.series, at=now - timedelta(minutes=20)) for one in conditions]

    at_once(
        [partial(clear, one.rule, one.series, at=now) for one in conditions]
        + [partial(escalation.sweep, at=now, batch=2)] * 4
    )

    for alert in alerts:
        lines = list(alert.events.filter(kind__in=("ESCALATED", "CLEARED")).order_by("id").values_list("kind"))
        assert lines in ([("CLEARED",)], [("ESCALATED",), ("CLEARED",)])
        assert Notification.objects.filter(kind="ALERT_ESCALATED", subject_id=str(alert.pk)).count() == len(lines) - 1
        assert of(alert).is_held
