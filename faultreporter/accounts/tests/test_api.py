"""/me and /users."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from faultreporter.accounts.models import User
from faultreporter.accounts.tests.factories import UserFactory
from faultreporter.audit.models import AuditLog
from faultreporter.roles import Role
from faultreporter.testing import assert_error

ME, USERS = "/api/v1/me", "/api/v1/users"
Api = Callable[[User | None], APIClient]


def url(user: User) -> str:
    return f"{USERS}/{user.id}"


class TestMe:
    def test_it_works(self, tess: User, api: Api) -> None:
        response = api(tess).get(ME)

        data = response.json()["data"]
        assert (data["id"], data["role"], data["time_zone"]) == (str(tess.id), "TECHNICIAN", "UTC")
        assert response["ETag"]

    @pytest.mark.parametrize("method", ["put", "patch"])
    def test_changes_what_is_one_s_own(self, tess: User, api: Api, method: str) -> None:
        change = {"display_name": "Tessa", "phone": "+43 1 234", "language": "de", "time_zone": "Europe/Vienna"}

        data = getattr(api(tess), method)(ME, change).json()["data"]

        assert {name: data[name] for name in change} == change

    @pytest.mark.parametrize("field", ["role", "email", "is_active", "email_verified", "firebase_uid", "id"])
    def test_changes_nothing_else(self, tess: User, api: Api, field: str) -> None:
        assert_error(api(tess).put(ME, {field: "ADMIN"}), 400, "UNKNOWN_FIELD", field=field)

    def test_a_time_zone_exists(self, tess: User, api: Api) -> None:
        assert_error(api(tess).put(ME, {"time_zone": "Mars/Base"}), 400, "VALIDATION_ERROR", field="time_zone")

    def test_an_old_version_is_not_changed(self, tess: User, api: Api) -> None:
        tag = api(tess).get(ME)["ETag"]
        api(tess).put(ME, {"phone": "1"}, HTTP_IF_MATCH=tag)

        error = assert_error(api(tess).put(ME, {"phone": "2"}, HTTP_IF_MATCH=tag), 412, "PRECONDITION_FAILED")
        assert error["meta"]["current"]["phone"] == "1"

    def test_deleting_oneself(self, tess: User, api: Api) -> None:
        assert api(tess).delete(ME).status_code == 204

        tess.refresh_from_db()
        assert (tess.is_deleted, tess.deleted_by, tess.is_active) == (True, tess, False)

    def test_the_last_administrator_stays(self, adam: User, api: Api) -> None:
        assert_error(api(adam).delete(ME), 409, "LAST_ADMIN")

    def test_strangers_have_no_profile(self, db: None, api: Api) -> None:
        assert_error(api(None).get(ME), 401, "UNAUTHENTICATED")

    def test_permissions_grow_with_the_role(self, rita: User, adam: User, api: Api) -> None:
        of_rita, of_adam = (set(api(user).get(ME).json()["data"]["permissions"]) for user in (rita, adam))

        assert "me.update" in of_rita < of_adam
        assert "user.create" in of_adam


class TestUsers:
    def test_it_works(self, adam: User, api: Api) -> None:
        body = {"email": "Ned@Example.org", "display_name": "Ned", "role": "technician", "phone": "12"}

        response = api(adam).post(USERS, body)

        data = response.json()["data"]
        assert response.status_code == 201
        assert response["Location"] == f"{USERS}/{data['id']}"
        assert (data["email"], data["role"], data["is_active"]) == ("ned@example.org", "TECHNICIAN", True)
        assert not User.objects.get(pk=data["id"]).has_usable_password()

    @pytest.mark.parametrize(("person", "status"), [("rita", 403), ("tess", 403), ("mona", 200), ("adam", 200)])
    def test_who_reads(self, request: pytest.FixtureRequest, api: Api, person: str, status: int) -> None:
        client = api(request.getfixturevalue(person))

        assert client.get(USERS).status_code == status
        assert client.get(url(request.getfixturevalue(person))).status_code == status

    @pytest.mark.parametrize("person", ["rita", "tess", "mona"])
    def test_only_administrators_write(self, request: pytest.FixtureRequest, rita: User, api: Api, person: str) -> None:
        client = api(request.getfixturevalue(person))

        for response in (
            client.post(USERS, {"email": "x@example.org"}),
            client.put(url(rita), {"role": "ADMIN"}),
            client.patch(url(rita), {"role": "ADMIN"}),
            client.delete(url(rita)),
        ):
            assert_error(response, 403, "PERMISSION_DENIED")

    @pytest.mark.parametrize(
        ("query", "names"),
        [
            ("role=technician", ["Olga", "Tess"]),
            ("role=TECHNICIAN,REPORTER", ["Olga", "Rita", "Tess"]),
            ("is_active=false", ["Rita"]),
            ("is_active=true", ["Mona", "Olga", "Tess"]),
            ("search=TESS", ["Tess"]),
            ("search=olga@example", ["Olga"]),
        ],
    )
    @pytest.mark.usefixtures("tess", "olga")
    def test_filters(self, mona: User, rita: User, api: Api, query: str, names: list[str]) -> None:
        User.objects.filter(pk=rita.pk).update(is_active=False)

        data = api(mona).get(f"{USERS}?{query}&ordering=display_name").json()["data"]

        assert [person["display_name"] for person in data] == names

    @pytest.mark.parametrize("query", ["role=BOSS", "is_active=maybe", "ordering=password", "password=x", "page=0"])
    def test_unknown_questions(self, mona: User, api: Api, query: str) -> None:
        assert_error(api(mona).get(f"{USERS}?{query}"), 400, "INVALID_PARAMETER", field=query.partition("=")[0])

    def test_deleted_people_are_gone_unless_asked_for(self, adam: User, tess: User, api: Api) -> None:
        assert api(adam).delete(url(tess)).status_code == 204

        assert_error(api(adam).get(url(tess)), 404, "NOT_FOUND")
        names = [p["display_name"] for p in api(adam).get(f"{USERS}?include_deleted=true").json()["data"]]
        assert names == ["Tess", "Adam"]

    @pytest.mark.parametrize(
        ("change", "code", "field"),
        [
            ({"email": "not an address"}, "VALIDATION_ERROR", "email"),
            ({"email": "a" * 250 + "@example.org"}, "VALIDATION_ERROR", "email"),
            ({"role": "BOSS"}, "VALIDATION_ERROR", "role"),
            ({"role": None}, "VALIDATION_ERROR", "role"),
            ({"display_name": ["Ned"]}, "VALIDATION_ERROR", "display_name"),
            ({"is_active": "perhaps"}, "VALIDATION_ERROR", "is_active"),
            ({"password": "wide open valve"}, "UNKNOWN_FIELD", "password"),
            ({"is_staff": True}, "UNKNOWN_FIELD", "is_staff"),
        ],
    )
    def test_refusals(self, adam: User, api: Api, change: dict[str, Any], code: str, field: str) -> None:
        body = {"email": "ned@example.org", **change}

        assert_error(api(adam).post(USERS, body), 400, code, field=field)
        assert User.objects.count() == 1

    def test_an_address_is_needed(self, adam: User, api: Api) -> None:
        assert_error(api(adam).post(USERS, {"display_name": "Ned"}), 400, "VALIDATION_ERROR", field="email")

    def test_an_address_taken_is_a_duplicate(self, adam: User, tess: User, api: Api) -> None:
        created = api(adam).post(USERS, {"email": "TESS@example.org"})
        changed = api(adam).put(url(adam), {"email": "tess@example.org"})

        for response in (created, changed):
            assert assert_error(response, 409, "DUPLICATE", field="email")["meta"] == {"field": "email"}

    def test_a_role_changes_at_once(self, adam: User, tess: User, api: Api) -> None:
        response = api(adam).patch(url(tess), {"role": "MANAGER"})

        assert response.json()["data"]["role"] == "MANAGER"
        entry = AuditLog.objects.filter(entity_type="users", action="UPDATE").get()
        assert (entry.actor_id, entry.changes) == (adam.id, {"role": ["TECHNICIAN", "MANAGER"]})

    @pytest.mark.parametrize("change", [{"role": "MANAGER"}, {"is_active": False}])
    def test_the_last_administrator_stays(self, adam: User, api: Api, change: dict[str, Any]) -> None:
        assert_error(api(adam).put(url(adam), change), 409, "LAST_ADMIN")
        assert_error(api(adam).delete(url(adam)), 409, "LAST_ADMIN")

    def test_an_unchanged_body_is_no_harm(self, adam: User, api: Api) -> None:
        assert api(adam).put(url(adam), {}).status_code == 200

    def test_nobody_is_there(self, adam: User, api: Api) -> None:
        for address in (f"{USERS}/{uuid4()}", f"{USERS}/me"):
            assert_error(api(adam).get(address), 404, "NOT_FOUND")

    def test_query_budget(self, mona: User, api: Api) -> None:
        UserFactory.create_batch(30, role=Role.TECHNICIAN)
        with CaptureQueriesContext(connection) as queries:
            api(mona).get(USERS)

        assert len(queries) <= 3
