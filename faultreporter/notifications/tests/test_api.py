"""The inbox, the phones and the preferences of whoever calls."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from faultreporter.accounts.models import ApiToken, User
from faultreporter.audit.models import AuditLog
from faultreporter.notifications.models import NotificationPreferences, PushTarget
from faultreporter.notifications.tests.factories import phone_of, tell
from faultreporter.testing import assert_error

pytestmark = pytest.mark.django_db
Api = Callable[[User | None], APIClient]
INBOX = "/api/v1/me/notifications"
DEVICES = "/api/v1/me/devices"
PREFERENCES = "/api/v1/me/notification-preferences"


class TestInbox:
    def test_it_works(self, api: Api, tess: User, mona: User) -> None:
        tell(tess, title="Pump 3 leaks", severity="HIGH")
        tell(mona)

        (line,) = api(tess).get(INBOX).json()["data"]

        assert (line["title"], line["severity"], line["kind"], line["read_at"]) == (
            "Pump 3 leaks", "HIGH", "ALERT_RAISED", None,
        )  # fmt: skip
        assert (line["subject_type"], line["subject_id"]) == ("USER", str(tess.pk))

    def test_reading_one(self, api: Api, tess: User) -> None:
        tell(tess)
        line = tess.notifications.get()

        answer = api(tess).post(f"{INBOX}/{line.pk}/read").json()["data"]
        again = api(tess).post(f"{INBOX}/{line.pk}/read").json()["data"]

        assert answer["read_at"] is not None
        assert again["read_at"] == answer["read_at"]

    def test_the_line_of_another_is_out_of_sight_even_for_an_administrator(
        self, api: Api, tess: User, adam: User
    ) -> None:
        tell(tess)

        assert_error(api(adam).post(f"{INBOX}/{tess.notifications.get().pk}/read"), 404, "NOT_FOUND")

    def test_reading_all_and_counting(self, api: Api, tess: User, mona: User) -> None:
        for _number in range(3):
            tell(tess, mona)

        before = api(tess).get(f"{INBOX}/unread-count").json()["data"]
        read = api(tess).post(f"{INBOX}/read-all").json()["data"]
        after = api(tess).get(f"{INBOX}/unread-count").json()["data"]

        assert (before, read, after) == ({"unread": 3}, {"read": 3}, {"unread": 0})
        assert mona.notifications.unread().count() == 3

    @pytest.mark.parametrize(
        ("query", "titles"),
        [
            ({"unread": "true"}, {"High"}),
            ({"unread": "false"}, {"Low"}),
            ({"severity": "high,critical"}, {"High"}),
            ({"kind": "SYSTEM"}, {"Low"}),
            ({"search": "hig"}, {"High"}),
        ],
    )
    def test_filters(self, query: dict[str, str], titles: set[str], api: Api, tess: User) -> None:
        tell(tess, title="High", severity="HIGH")
        tell(tess, title="Low", severity="LOW", kind="SYSTEM")
        tess.notifications.filter(title="Low").update(read_at=timezone.now())

        assert {line["title"] for line in api(tess).get(INBOX, query).json()["data"]} == titles

    def test_a_list_costs_few_queries(self, api: Api, tess: User, django_assert_max_num_queries: Any) -> None:
        for _number in range(5):
            tell(tess)

        with django_assert_max_num_queries(4):
            api(tess).get(INBOX, {"page_size": 3})

    def test_an_unknown_parameter_is_refused(self, api: Api, tess: User) -> None:
        assert_error(api(tess).get(INBOX, {"read": "true"}), 400, "INVALID_PARAMETER", field="read")


class TestDevices:
    BODY = {"provider": "fcm_fid", "value": "installation-0815", "platform": "ANDROID", "app_version": "3.1"}

    def test_it_works(self, api: Api, tess: User) -> None:
        answer = api(tess).post(DEVICES, self.BODY)

        device = answer.json()["data"]
        assert answer.status_code == 201
        assert answer["Location"] == f"{DEVICES}/{device['id']}"
        assert (device["provider"], device["value"], device["platform"]) == ("FCM_FID", "…0815", "ANDROID")
        assert api(tess).get(DEVICES).json()["pagination"]["total_count"] == 1

    def test_registering_again_is_the_same_phone(self, api: Api, tess: User) -> None:
        first = api(tess).post(DEVICES, self.BODY).json()["data"]
        second = api(tess).post(DEVICES, {**self.BODY, "app_version": "3.2"}).json()["data"]

        assert (first["id"], second["app_version"]) == (second["id"], "3.2")

    def test_a_phone_that_somebody_else_signs_in_on_is_theirs(self, api: Api, tess: User, mona: User) -> None:
        api(tess).post(DEVICES, self.BODY)

        api(mona).post(DEVICES, self.BODY)

        assert PushTarget.objects.get().user == mona
        assert api(tess).get(DEVICES).json()["data"] == []

    def test_only_the_last_twenty_are_kept(self, tess: User) -> None:
        for number in range(22):
            phone_of(tess, f"phone-{number:02}", at=timezone.now() + timedelta(seconds=number))

        assert tess.push_targets.count() == 20
        assert not tess.push_targets.filter(value__in=["phone-00", "phone-01"]).exists()

    def test_taking_one_off(self, api: Api, tess: User, mona: User) -> None:
        device = phone_of(tess)

        assert_error(api(mona).delete(f"{DEVICES}/{device.pk}"), 404, "NOT_FOUND")
        assert api(tess).delete(f"{DEVICES}/{device.pk}").status_code == 204
        assert not PushTarget.objects.exists()

    def test_the_audit_log_doesnt_tell_the_token(self, api: Api, tess: User) -> None:
        api(tess).post(DEVICES, self.BODY)

        entries = AuditLog.objects.filter(entity_type="push_targets")
        assert entries.exists()
        assert "installation-0815" not in str(list(entries.values()))

    @pytest.mark.parametrize(
        ("change", "field"), [({"provider": "PIGEON"}, "provider"), ({"value": ""}, "value"), ({"colour": 1}, "colour")]
    )
    def test_what_makes_no_sense_is_refused(self, change: Any, field: str, api: Api, tess: User) -> None:
        answer = api(tess).post(DEVICES, self.BODY | change)

        assert answer.status_code == 400
        assert field in str(answer.json()["error"]["details"])

    def test_logging_out_forgets_the_phone(self, api: Api, tess: User) -> None:
        here, elsewhere = phone_of(tess), phone_of(tess)
        _token, plain = ApiToken.issue(user=tess, name="phone")
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {plain}")

        assert client.post("/api/v1/auth/logout", {"device_id": str(here.pk)}).status_code == 204

        assert list(PushTarget.objects.all()) == [elsewhere]

    def test_logging_out_everywhere_forgets_all(self, api: Api, tess: User, mona: User) -> None:
        phone_of(tess)
        phone_of(tess)
        others = phone_of(mona)
        _token, plain = ApiToken.issue(user=tess, name="phone")
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {plain}")

        client.post("/api/v1/auth/logout", {"everywhere": True})

        assert list(PushTarget.objects.all()) == [others]

    def test_the_phone_of_another_stays(self, tess: User, mona: User) -> None:
        others = phone_of(mona)
        _token, plain = ApiToken.issue(user=tess, name="phone")
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {plain}")

        client.post("/api/v1/auth/logout", {"device_id": str(others.pk)})

        assert PushTarget.objects.exists()


class TestPreferences:
    def test_it_works(self, api: Api, tess: User) -> None:
        answer = api(tess).put(
            PREFERENCES, {"push_off": ["order_updated", "SYSTEM"], "quiet_from": "22:00", "quiet_to": "06:00"}
        )

        data = answer.json()["data"]
        assert answer.status_code == 200
        assert data["push_off"] == ["ORDER_UPDATED", "SYSTEM"]
        assert (data["quiet_from"], data["quiet_to"]) == ("22:00", "06:00")
        assert api(tess).get(PREFERENCES).json()["data"] == data

    def test_the_defaults_need_no_row(self, api: Api, tess: User) -> None:
        answer = api(tess).get(PREFERENCES)

        assert answer.json()["data"]["email_minimum"] == "HIGH"
        assert not NotificationPreferences.objects.exists()
        assert api(tess).get(PREFERENCES)["ETag"] == answer["ETag"]

    def test_a_put_changes_only_what_it_names(self, api: Api, tess: User) -> None:
        api(tess).put(PREFERENCES, {"digest": "DAILY", "digest_hour": 9})

        api(tess).put(PREFERENCES, {"email_minimum": "CRITICAL"})

        data = api(tess).get(PREFERENCES).json()["data"]
        assert (data["digest"], data["digest_hour"], data["email_minimum"]) == ("DAILY", 9, "CRITICAL")

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"quiet_from": "22:00"}, "quiet_to"),
            ({"quiet_from": "25:00", "quiet_to": "06:00"}, "quiet_from"),
            ({"digest_hour": 24}, "digest_hour"),
            ({"push_off": ["PIGEON"]}, "push_off"),
            ({"sound": "loud"}, "sound"),
        ],
    )
    def test_what_makes_no_sense_is_refused(self, body: Any, field: str, api: Api, tess: User) -> None:
        answer = api(tess).put(PREFERENCES, body)

        assert answer.status_code == 400
        assert field in str(answer.json()["error"]["details"])

    def test_two_who_edit_at_once(self, api: Api, tess: User) -> None:
        tag = api(tess).get(PREFERENCES)["ETag"]
        api(tess).put(PREFERENCES, {"digest": "DAILY"}, headers={"If-Match": tag})

        assert_error(
            api(tess).put(PREFERENCES, {"digest": "OFF"}, headers={"If-Match": tag}), 412, "PRECONDITION_FAILED"
        )
