"""Timelines, comments and the order of moves, which alerts and work orders have in common."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from alerts.models import Alert
from alerts.tests.factories import AlertFactory
from equipment.models import Equipment, StatusInterval
from equipment.tests.factories import EquipmentFactory
from faultreporter.accounts.models import User
from faultreporter.attachments.tests.factories import make_attachment
from faultreporter.audit.models import AuditLog
from faultreporter.errors import ValidationFailed
from faultreporter.testing import assert_error

pytestmark = pytest.mark.django_db
NOW = timezone.now()


def ago(**kwargs: int) -> datetime:
    return NOW - timedelta(**kwargs)


@pytest.fixture
def machine(tess: User) -> Equipment:
    equipment: Equipment = EquipmentFactory.create()
    equipment.assignments.create(user=tess)
    return equipment


class TestComments:
    def test_it_works(self, api: Any, rita: User, tess: User, machine: Equipment) -> None:
        alert = AlertFactory.create(equipment=machine, reported_by=rita)
        photo = make_attachment(by=tess)
        url = f"/api/v1/alerts/{alert.pk}"

        written = api(tess).post(f"{url}/comments", {"text": "Is it hot?", "attachment_ids": [str(photo.pk)]})
        read = api(rita).get(f"{url}/comments").json()

        assert written.status_code == 201, written.json()
        assert read["data"] == [written.json()["data"]]
        assert (read["data"][0]["text"], read["data"][0]["by"]["display_name"]) == ("Is it hot?", "Tess")
        assert [file["id"] for file in api(rita).get(url).json()["data"]["attachments"]] == [str(photo.pk)]

    def test_a_comment_moves_the_version(self, api: Any, rita: User, machine: Equipment) -> None:
        url = f"/api/v1/alerts/{AlertFactory.create(equipment=machine).pk}"
        tag = api(rita).get(url)["ETag"]

        api(rita).post(f"{url}/comments", {"text": "Still dripping"})

        assert api(rita).get(url)["ETag"] != tag

    @pytest.mark.parametrize("text", ["", "  "])
    def test_an_empty_one_is_refused(self, api: Any, rita: User, machine: Equipment, text: str) -> None:
        url = f"/api/v1/alerts/{AlertFactory.create(equipment=machine).pk}/comments"

        assert_error(api(rita).post(url, {"text": text}), 400, "VALIDATION_ERROR", "text")

    def test_somebody_elses_file_is_refused(self, api: Any, rita: User, tess: User, machine: Equipment) -> None:
        url = f"/api/v1/alerts/{AlertFactory.create(equipment=machine).pk}/comments"
        body = {"text": "Look", "attachment_ids": [str(make_attachment(by=tess).pk)]}

        assert_error(api(rita).post(url, body), 400, "VALIDATION_ERROR", "attachment_ids")


class TestTheOrderOfMoves:
    def test_a_move_made_offline_keeps_both_times(self, api: Any, tess: User, machine: Equipment) -> None:
        alert = AlertFactory.create(equipment=machine, occurred_at=ago(hours=5))

        response = api(tess).post(
            f"/api/v1/alerts/{alert.pk}/acknowledge", {"occurred_at": ago(hours=2).isoformat()}, format="json"
        )

        line = alert.events.get(kind="ACKNOWLEDGED")
        assert response.status_code == 200, response.json()
        assert (Alert.objects.get().acknowledged_at, line.at) == (ago(hours=2), ago(hours=2))
        assert line.created_at >= NOW
        entry = AuditLog.objects.filter(entity_id=str(alert.pk), action="UPDATE").latest("id")
        assert entry.occurred_at >= NOW
        assert "acknowledged_at" in entry.changes

    @pytest.mark.parametrize(("offset", "field"), [({"days": 8}, "occurred_at"), ({"hours": -1}, "occurred_at")])
    def test_neither_long_ago_nor_to_come(
        self, api: Any, tess: User, machine: Equipment, offset: dict[str, int], field: str
    ) -> None:
        url = f"/api/v1/alerts/{AlertFactory.create(equipment=machine).pk}/acknowledge"

        response = api(tess).post(url, {"occurred_at": ago(**offset).isoformat()}, format="json")

        assert_error(response, 400, "VALIDATION_ERROR", field)

    def test_never_before_the_last_move(self, tess: User) -> None:
        alert = AlertFactory.create(occurred_at=ago(hours=5))
        alert.acknowledge(by=tess, at=ago(hours=2))

        with pytest.raises(ValidationFailed, match="last move") as refusal:
            alert.resolve(by=tess, at=ago(hours=3))

        assert [detail.field for detail in refusal.value.details] == ["occurred_at"]
        alert.refresh_from_db()
        assert alert.status == "ACKNOWLEDGED"

    def test_clocks_may_differ_by_minutes(self, tess: User) -> None:
        alert = AlertFactory.create(occurred_at=ago(hours=5))
        alert.acknowledge(by=tess, at=ago(hours=2))

        alert.resolve(by=tess, at=ago(hours=2, minutes=4))

        assert alert.resolved_at == ago(hours=2)

    def test_a_silence_set_meanwhile_is_no_move(self, mona: User, tess: User) -> None:
        alert = AlertFactory.create(occurred_at=ago(hours=5))
        alert.silence(by=mona, at=NOW, until=NOW + timedelta(hours=1))

        alert.acknowledge(by=tess, at=ago(hours=2))

        assert alert.acknowledged_at == ago(hours=2)

    def test_a_repair_done_before_the_alert_was_acknowledged_ends_the_downtime_when_it_was(
        self, mona: User, tess: User, machine: Equipment
    ) -> None:
        alert = AlertFactory.create(equipment=machine, critical=True, occurred_at=ago(hours=5))
        alert.acknowledge(by=mona, at=NOW)

        alert.mark_repaired(by=tess, at=ago(hours=1))

        assert alert.resolved_at == NOW
        assert StatusInterval.objects.get().ended_at == ago(hours=1)
