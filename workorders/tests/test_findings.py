"""What was found, how long the machine stood, and what of that counts."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from alerts.tests.factories import AlertFactory
from equipment.models import FailureCause, FailureMechanism, Remedy, StatusInterval
from equipment.services import load_catalogue
from equipment.tests.factories import CategoryFactory, EquipmentFactory, FailureModeFactory
from faultreporter.accounts.models import User
from faultreporter.errors import ValidationFailed
from faultreporter.testing import assert_error
from workorders.models import FindingsMissing, NoDowntime, WorkOrder
from workorders.services import raise_work_order
from workorders.tests.factories import move, order_in

pytestmark = pytest.mark.django_db
URL = "/api/v1/work-orders"


def post(client: Any, url: str, **body: Any) -> Any:
    return client.post(url, body, format="json")


@pytest.fixture
def codes() -> None:
    load_catalogue()


class TestCoding:
    def test_it_works(self, api: Any, codes: None, tess: User, mona: User) -> None:
        url = f"{URL}/{order_in('IN_PROGRESS', by=tess).pk}"

        said = {"failure_mode": "gen-noise", "failure_mechanism": "wear", "remedy_action": "replace"}
        done = post(api(tess), f"{url}/complete", resolution="New bearing", **said).json()["data"]
        assert [done[name]["code"] for name in said] == ["GEN-NOISE", "WEAR", "REPLACE"]
        closed = post(api(mona), f"{url}/close", failure_cause="no-lubrication", failure_mechanism="vibration")

        data = closed.json()["data"]
        assert (data["status"], data["failure_cause"]["code"]) == ("CLOSED", "NO-LUBRICATION")
        line = api(mona).get(f"{url}/timeline").json()["data"][0]
        assert line["data"]["failure_mechanism"] == {"from": "WEAR", "to": "VIBRATION"}

    def test_a_repair_without_a_mode_is_not_closed(self, api: Any, tess: User, mona: User) -> None:
        url = f"{URL}/{order_in('COMPLETED', by=tess).pk}/close"

        assert_error(post(api(mona), url), 409, "FINDINGS_MISSING", "failure_mode")
        assert post(api(mona), url, no_failure_found=True).json()["data"]["no_failure_found"] is True

    def test_only_repairs_need_one(self, tess: User, mona: User) -> None:
        order = order_in("COMPLETED", by=tess, type="INSPECTION")

        order.close(by=mona, at=timezone.now())

        assert order.status == "CLOSED"

    def test_found_and_not_found_at_once_is_refused(self, tess: User) -> None:
        order, mode = order_in("IN_PROGRESS", by=tess), FailureModeFactory.create(category=None)
        with pytest.raises(ValidationFailed):
            move(order, "complete", by=tess, failure_mode=mode, no_failure_found=True)

        move(order, "complete", by=tess, failure_mode=mode)
        move(order, "close", by=tess, no_failure_found=True)

        assert (order.failure_mode, order.no_failure_found) == (None, True)

    def test_the_technician_completes_and_the_manager_closes(self, api: Any, tess: User, mona: User) -> None:
        url = f"{URL}/{order_in('COMPLETED', by=tess).pk}"

        offered = {person: api(person).get(url).json()["data"]["allowed_transitions"] for person in (tess, mona)}

        assert "close" in [m["action"] for m in offered[mona]]
        assert "close" not in [m["action"] for m in offered[tess]]
        assert_error(post(api(tess), f"{url}/close", no_failure_found=True), 403, "PERMISSION_DENIED")

    def test_what_is_out_of_use_cant_be_chosen(self, api: Any, codes: None, tess: User) -> None:
        FailureMechanism.objects.filter(code="WEAR").update(active=False)
        url = f"{URL}/{order_in('IN_PROGRESS', by=tess).pk}/complete"

        refused = post(api(tess), url, resolution="Done", failure_mechanism="WEAR")

        assert_error(refused, 400, "VALIDATION_ERROR", "failure_mechanism")

    def test_a_refused_closing_says_so(self, tess: User) -> None:
        with pytest.raises(FindingsMissing):
            order_in("COMPLETED", by=tess).close(by=tess, at=timezone.now())


class TestCatalogue:
    def test_everything_for_one_machine_in_one_call(self, api: Any, codes: None, rita: User) -> None:
        machine = EquipmentFactory.create(category=CategoryFactory.create())
        FailureModeFactory.create(category=machine.category, code="OURS")
        FailureModeFactory.create(code="THEIRS")
        Remedy.objects.filter(code="SCRAP").update(active=False)

        data = api(rita).get(f"/api/v1/equipment/{machine.pk}/failure-catalogue").json()["data"]

        modes = [mode["code"] for mode in data["failure_modes"]]
        assert {"OURS", "GEN-NOISE"} <= set(modes)
        assert "THEIRS" not in modes
        assert {"code": "WEAR", "group": "MECHANICAL"}.items() <= next(
            m for m in data["mechanisms"] if m["code"] == "WEAR"
        ).items()
        assert len(data["causes"]) == FailureCause.objects.count()
        assert "SCRAP" not in [r["code"] for r in data["remedies"]]

    @pytest.mark.parametrize("name", ["failure-mechanisms", "failure-causes", "remedies"])
    def test_managers_write_it(self, name: str, api: Any, mona: User, tess: User) -> None:
        url = f"/api/v1/{name}"
        made = post(api(mona), url, code="OURS", name="Our own")
        assert made.status_code == 201, made.json()

        assert_error(post(api(mona), url, code="OURS", name="Twice"), 409, "DUPLICATE")
        assert_error(post(api(tess), url, code="THEIRS", name="No"), 403, "PERMISSION_DENIED")
        assert api(mona).put(made["Location"], {"active": False}, format="json").json()["data"]["active"] is False
        assert api(tess).get(f"{url}?active=false&search=own").json()["pagination"]["total_count"] == 1
        assert api(mona).delete(made["Location"]).status_code == 204


class TestDowntime:
    def test_it_works(self, api: Any, tess: User, mona: User) -> None:
        began = timezone.now() - timedelta(hours=5)
        order = order_in("ASSIGNED", by=tess, at=began - timedelta(days=1))
        WorkOrder.objects.update(moved_at=began)
        order.start(by=tess, at=began, downtime_reason="No gas since noon")
        url = f"{URL}/{order.pk}"
        back = began + timedelta(hours=2)

        done = post(api(tess), f"{url}/complete", resolution="Gas is back", restored_at=back.isoformat()).json()["data"]
        assert (done["downtime"]["minutes"], done["downtime"]["reason"]) == (120, "No gas since noon")
        assert done["downtime"]["counts_as_failure"] is True
        judged = post(api(mona), f"{url}/downtime", exclusion_reason="external_supply", reason="Not our gas")

        downtime = judged.json()["data"]["downtime"]
        assert (downtime["counts_as_failure"], downtime["exclusion_reason"]) == (False, "EXTERNAL_SUPPLY")
        assert api(mona).get(f"{url}/timeline").json()["data"][0]["kind"] == "DOWNTIME"
        again = post(api(mona), f"{url}/downtime", exclusion_reason=None, reason="It was our valve").json()["data"]
        assert again["downtime"]["counts_as_failure"] is True
        assert_error(post(api(tess), f"{url}/downtime", exclusion_reason=None, reason="No"), 403, "PERMISSION_DENIED")

    def test_the_alert_lets_go_when_the_machine_was_back(self, tess: User, mona: User) -> None:
        began = timezone.now() - timedelta(hours=5)
        alert = AlertFactory.create(critical=True, equipment_down=True, at=began, occurred_at=began)
        order = raise_work_order(alert=alert, by=mona, at=began)
        order.assign(to=tess, by=mona, at=began)
        order.start(by=tess, at=began + timedelta(hours=1))

        move(order, "complete", by=tess, restored_at=began + timedelta(hours=3))

        interval = StatusInterval.objects.get()
        assert interval.ended_at == began + timedelta(hours=3)

    def test_said_at_completion(self, tess: User) -> None:
        order = order_in("IN_PROGRESS", by=tess)

        move(order, "complete", by=tess, exclusion_reason="EXTERNAL_SUPPLY")

        assert StatusInterval.objects.get().counts_as_failure is False

    @pytest.mark.parametrize("hours", [-9, 9])
    def test_restored_before_it_broke_or_after_now_is_refused(self, hours: int, tess: User) -> None:
        order = order_in("IN_PROGRESS", by=tess)

        with pytest.raises(ValidationFailed) as refused:
            move(order, "complete", by=tess, restored_at=timezone.now() + timedelta(hours=hours))

        assert refused.value.details[0].field == "restored_at"

    def test_planned_downtime_is_no_failure_anyway(self, tess: User, mona: User) -> None:
        for kind in ("PREVENTIVE", "INSPECTION"):
            order = order_in("COMPLETED", by=tess, type=kind)
            with pytest.raises(NoDowntime):
                order.judge_downtime(exclusion_reason="", reason="Why", by=mona, at=timezone.now())
