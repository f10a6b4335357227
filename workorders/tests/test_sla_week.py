"""One whole week of promises, worked out by hand. The two right columns are what has been counted, in hours.

The site is in Berlin: CET (UTC+1) until Sunday 29 March 2026, 01:00 UTC, when 02:00 becomes 03:00 and CEST (UTC+2)
begins. People work Monday to Friday, 08:00 to 17:00. Tuesday 31 March is Founders' Day, a holiday.

A pump fault, HIGH: response within 2 h and restore within 15 h, both of business hours, at risk from 75 %.

| local time            | UTC        | what happens                                | response  | restore             |
|-----------------------|------------|---------------------------------------------|-----------|---------------------|
| Fri 27 Mar 15:30 CET  | 27th 14:30 | raised                                      | 0:00      | 0:00                |
| Fri 27 Mar 17:00 CET  | 27th 16:00 | closing time; 75 % of 2 h: response at risk | 1:30      | 1:30                |
| Sun 29 Mar 02:00      | 29th 01:00 | the clocks change, nobody works             | 1:30      | 1:30                |
| Mon 30 Mar 08:10 CEST | 30th 06:10 | begun, 20 min before the response was due   | 1:40, met | 1:40                |
| Mon 30 Mar 08:30 CEST | 30th 06:30 | (the response would have been due)          | –         | 2:00                |
| Mon 30 Mar 10:00 CEST | 30th 08:00 | hold, waiting for parts: the clock stands   | –         | 1:30 + 2:00 = 3:30  |
| Tue 31 Mar            |            | Founders' Day                               | –         | 3:30                |
| Wed  1 Apr 11:00 CEST | 1st 09:00  | resumed                                     | –         | 3:30                |
| Wed  1 Apr 17:00 CEST | 1st 15:00  | closing time                                | –         | 3:30 + 6:00 = 9:30  |
| Thu  2 Apr 09:45 CEST | 2nd 07:45  | 75 % of 15 h = 11:15: restore at risk       | –         | 9:30 + 1:45 = 11:15 |
| Thu  2 Apr 12:00 CEST | 2nd 10:00  | hold for lunch, which doesn't pause         | –         | 13:30               |
| Thu  2 Apr 12:30 CEST | 2nd 10:30  | resumed                                     | –         | 14:00               |
| Thu  2 Apr 13:30 CEST | 2nd 11:30  | 15:00 used up: breached                     | –         | 15:00               |
| Thu  2 Apr 14:00 CEST | 2nd 12:00  | completed, half an hour late                | –         | 15:30, breached     |

Without the hold the restore would have been due on Wednesday 12:30 CEST: 1:30 (Fri) + 9:00 (Mon) + 4:30 (Wed).

A lift with people inside, CRITICAL: response within 30 min, restore within 4 h, around the clock.

| local time            | UTC        | what happens                              | response       | restore   |
|-----------------------|------------|-------------------------------------------|----------------|-----------|
| Sun 29 Mar 00:30 CET  | 28th 23:30 | raised; restore due 05:30 CEST, not 04:30 | 0:00           | 0:00      |
| Sun 29 Mar 01:00 CET  | 29th 00:00 | 30 min used up: response breached         | 0:30           | 0:30      |
| Sun 29 Mar 01:20 CET  | 29th 00:20 | begun, 20 min late                        | 0:50, breached | 0:50      |
| Sun 29 Mar 03:20 CEST | 29th 01:20 | completed, an hour after that             | –              | 1:50, met |
| Sun 29 Mar 05:00 CEST | 29th 03:00 | reopened: 2:10 are left                   | –              | 1:50      |
| Sun 29 Mar 07:10 CEST | 29th 05:10 | completed at the very instant it is due   | –              | 4:00, met |
"""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from equipment.models import Equipment
from equipment.tests.factories import EquipmentFactory
from faultreporter.accounts.models import User
from locations.models import BusinessCalendar
from locations.tests.factories import LocationFactory
from workorders.models import HoldReason, SlaPolicy, WorkOrder
from workorders.services import note_some_clocks
from workorders.sla import ClockKind, ClockState

pytestmark = pytest.mark.django_db

RESPONSE, RESTORE = ClockKind.RESPONSE, ClockKind.RESTORE


def march(day: int, hour: int, minute: int) -> datetime:
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


def april(day: int, hour: int, minute: int) -> datetime:
    return datetime(2026, 4, day, hour, minute, tzinfo=UTC)


@pytest.fixture
def machine() -> Equipment:
    founders_day = {"date": date(2026, 3, 31), "name": "Founders' Day"}
    calendar = BusinessCalendar.add(by=None, name="Office", holidays=[founders_day])
    site = LocationFactory.create(time_zone="Europe/Berlin", business_calendar=calendar)
    SlaPolicy.add(by=None, priority="HIGH", response_minutes=2 * 60, restore_minutes=15 * 60)
    SlaPolicy.add(
        by=None, priority="CRITICAL", response_minutes=30, restore_minutes=4 * 60, counting="AROUND_THE_CLOCK"
    )
    stands: Equipment = EquipmentFactory.create(location=site)
    return stands


@pytest.fixture
def waiting_for_parts(db: None) -> HoldReason:
    return HoldReason.objects.create(code="WAITING_PARTS", name="Waiting for parts", pauses_sla=True)


@pytest.fixture
def lunch(db: None) -> HoldReason:
    return HoldReason.objects.create(code="LUNCH", name="Lunch")


def counted(order: WorkOrder, kind: ClockKind, at: datetime) -> str:
    """Hours and minutes on the clock."""
    clock = WorkOrder.objects.get(pk=order.pk).clock(kind)
    assert clock is not None
    minutes = clock.elapsed(at) // timedelta(minutes=1)
    return f"{minutes // 60}:{minutes % 60:02}"


def lines(order: WorkOrder) -> list[tuple[str, str, datetime]]:
    said = order.events.filter(kind__startswith="SLA_").order_by("at")
    return [(event.kind, event.data["clock"], event.at) for event in said]


def test_a_week_of_business_hours(
    machine: Equipment, waiting_for_parts: HoldReason, lunch: HoldReason, tess: User, mona: User
) -> None:
    order = WorkOrder.add(equipment=machine, title="Pump", priority="HIGH", by=mona, at=march(27, 14, 30))
    assert (order.response_due_at, order.restore_due_at) == (march(30, 6, 30), april(1, 10, 30))
    order.assign(to=tess, by=mona, at=march(27, 14, 40))

    assert note_some_clocks(at=march(27, 16, 0)) == 0  # 75 % is used up at this instant, not passed yet
    assert note_some_clocks(at=march(27, 16, 1)) == 1
    order.start(by=tess, at=march(30, 6, 10))
    assert order.clock_state(RESPONSE, at=march(30, 9, 0)) is ClockState.MET
    assert counted(order, RESPONSE, march(30, 6, 10)) == "1:40"

    order.hold(by=tess, at=march(30, 8, 0), reason="Seal is ordered", why=waiting_for_parts)
    assert order.restore_due_at is None
    assert order.clock_state(RESTORE, at=april(1, 0, 0)) is ClockState.PAUSED
    assert [counted(order, RESTORE, at) for at in (march(30, 8, 0), march(31, 12, 0))] == ["3:30", "3:30"]
    assert note_some_clocks(at=april(1, 8, 59)) == 0

    order.resume(by=tess, at=april(1, 9, 0))
    assert (order.restore_warn_at, order.restore_due_at) == (april(2, 7, 45), april(2, 11, 30))
    assert counted(order, RESTORE, april(1, 15, 0)) == "9:30"
    assert note_some_clocks(at=april(2, 7, 46)) == 1

    order.hold(by=tess, at=april(2, 10, 0), reason="Lunch", why=lunch)
    assert (order.restore_due_at, counted(order, RESTORE, april(2, 10, 30))) == (april(2, 11, 30), "14:00")
    order.resume(by=tess, at=april(2, 10, 30))
    assert note_some_clocks(at=april(2, 11, 30)) == 0
    assert note_some_clocks(at=april(2, 11, 50)) == 1  # twenty minutes late, and the instant is right all the same

    order.refresh_from_db()
    assert order.restore_breached_at == april(2, 11, 30)
    order.complete(by=tess, at=april(2, 12, 0), resolution="Seal renewed")
    assert counted(order, RESTORE, april(2, 12, 0)) == "15:30"
    assert note_some_clocks(at=april(9, 0, 0)) == 0
    assert lines(order) == [
        ("SLA_AT_RISK", "RESPONSE", march(27, 16, 0)),
        ("SLA_AT_RISK", "RESTORE", april(2, 7, 45)),
        ("SLA_BREACHED", "RESTORE", april(2, 11, 30)),
    ]


def test_a_night_around_the_clock(machine: Equipment, tess: User, mona: User) -> None:
    order = WorkOrder.add(equipment=machine, title="Lift", priority="CRITICAL", by=mona, at=march(28, 23, 30))
    assert (order.response_due_at, order.restore_due_at) == (march(29, 0, 0), march(29, 3, 30))
    order.assign(to=tess, by=mona, at=march(28, 23, 35))

    order.start(by=tess, at=march(29, 0, 20))  # no sweep has come by, and the breach is known all the same
    assert order.response_breached_at == march(29, 0, 0)
    order.complete(by=tess, at=march(29, 1, 20), resolution="Door contact set")
    assert counted(order, RESTORE, march(29, 1, 20)) == "1:50"
    assert order.clock_state(RESTORE, at=march(29, 2, 0)) is ClockState.MET

    order.reopen(by=mona, at=march(29, 3, 0), reason="Stands again")
    assert (counted(order, RESTORE, march(29, 3, 0)), order.restore_due_at) == ("1:50", march(29, 5, 10))
    order.complete(by=tess, at=march(29, 5, 10), resolution="Door contact renewed")
    assert counted(order, RESTORE, march(29, 5, 10)) == "4:00"
    assert order.clock_state(RESTORE, at=april(1, 0, 0)) is ClockState.MET
    assert note_some_clocks(at=april(1, 0, 0)) == 0
    assert lines(order) == [("SLA_BREACHED", "RESPONSE", march(29, 0, 0))]


def test_the_api_says_the_same(machine: Equipment, waiting_for_parts: HoldReason, api: Any, mona: User) -> None:
    order = WorkOrder.add(equipment=machine, title="Pump", priority="HIGH", by=mona, at=march(27, 14, 30))
    order.assign(to=mona, by=mona, at=march(27, 14, 40))
    order.start(by=mona, at=march(30, 6, 10))
    order.hold(by=mona, at=march(30, 8, 0), reason="Seal is ordered", why=waiting_for_parts)

    sla = api(mona).get(f"/api/v1/work-orders/{order.pk}").json()["data"]["sla"]

    assert (sla["counting"], sla["time_zone"]) == ("BUSINESS_HOURS", "Europe/Berlin")
    assert sla["response"] == {
        "state": "MET", "target_minutes": 120, "elapsed_minutes": 100, "remaining_minutes": 20,
        "due_at": "2026-03-30T06:30:00Z", "at_risk_at": "2026-03-27T16:00:00Z", "met_at": "2026-03-30T06:10:00Z",
        "breached_at": None,
    }  # fmt: skip
    assert sla["restore"] == {
        "state": "PAUSED", "target_minutes": 900, "elapsed_minutes": 210, "remaining_minutes": 690,
        "due_at": None, "at_risk_at": None, "met_at": None, "breached_at": None,
    }  # fmt: skip
    assert sla["pauses"] == [{"started_at": "2026-03-30T08:00:00Z", "ended_at": None, "reason_code": "WAITING_PARTS"}]
