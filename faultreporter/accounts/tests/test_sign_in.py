"""POST /auth/verify and /auth/logout: how people come to be known, and how a device is forgotten."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from rest_framework.test import APIClient

from faultreporter.accounts.models import MAX_ENDED_SIGN_INS, ApiToken, User
from faultreporter.accounts.tests.google import FakeGoogle, id_token
from faultreporter.audit.models import AuditLog
from faultreporter.testing import assert_error

VERIFY, LOGOUT, ME = "/api/v1/auth/verify", "/api/v1/auth/logout", "/api/v1/me"
Bearer = Callable[[str], APIClient]


def test_somebody_new_becomes_a_reporter(firebase: FakeGoogle, db: None, bearer: Bearer) -> None:
    response = bearer(id_token()).post(VERIFY)

    data = response.json()["data"]
    assert response.status_code == 200
    assert (data["email"], data["display_name"], data["role"]) == ("tess@example.org", "Tess", "REPORTER")
    assert "me.retrieve" in data["permissions"]
    assert User.objects.get().firebase_uid == "uid-tess"


def test_signing_in_again_is_the_same_person(firebase: FakeGoogle, db: None, bearer: Bearer) -> None:
    first = bearer(id_token()).post(VERIFY).json()["data"]
    second = bearer(id_token()).post(VERIFY).json()["data"]

    assert first["id"] == second["id"]


def test_a_prepared_person_is_linked_by_a_verified_address(firebase: FakeGoogle, tess: User, bearer: Bearer) -> None:
    data = bearer(id_token(email="Tess@Example.ORG")).post(VERIFY).json()["data"]

    assert (data["id"], data["role"]) == (str(tess.id), "TECHNICIAN")


@pytest.mark.parametrize("email", ["tess@example.org", "new@example.org"])
def test_an_unverified_address_counts_for_nothing(firebase: FakeGoogle, tess: User, bearer: Bearer, email: str) -> None:
    token = id_token(email=email, email_verified=False)

    assert_error(bearer(token).post(VERIFY), 403, "EMAIL_NOT_VERIFIED")
    assert User.objects.get().firebase_uid is None


@pytest.mark.parametrize("claim", [{"email": ...}, {"email": "x" * 300 + "@example.org"}, {"email": ["a@b.c"]}])
def test_nobody_is_registered_without_an_address(
    firebase: FakeGoogle, db: None, bearer: Bearer, claim: dict[str, Any]
) -> None:
    assert_error(bearer(id_token(**claim)).post(VERIFY), 403, "EMAIL_NOT_VERIFIED")


def test_the_address_of_another_account_is_a_duplicate(firebase: FakeGoogle, tess: User, bearer: Bearer) -> None:
    firebase.knows("uid-other")
    bearer(id_token()).post(VERIFY)

    assert_error(bearer(id_token("uid-other")).post(VERIFY), 409, "DUPLICATE", field="email")


def test_the_uid_is_who_it_is_when_the_address_changes(firebase: FakeGoogle, tess: User, bearer: Bearer) -> None:
    bearer(id_token()).post(VERIFY)

    data = bearer(id_token(email="tessa@example.org")).post(VERIFY).json()["data"]

    assert (data["id"], data["email"]) == (str(tess.id), "tessa@example.org")


def test_a_changed_address_that_somebody_has_is_left_alone(
    firebase: FakeGoogle, tess: User, rita: User, bearer: Bearer
) -> None:
    bearer(id_token()).post(VERIFY)

    data = bearer(id_token(email=rita.email)).post(VERIFY).json()["data"]

    assert (data["id"], data["email"]) == (str(tess.id), "tess@example.org")


@pytest.mark.parametrize("change", [{"is_active": False}, {"is_active": False, "firebase_uid": "uid-tess"}])
def test_a_disabled_person_stays_out(firebase: FakeGoogle, tess: User, bearer: Bearer, change: dict[str, Any]) -> None:
    User.objects.update(**change)

    assert_error(bearer(id_token()).post(VERIFY), 403, "USER_DISABLED")


def test_a_deleted_person_stays_out(firebase: FakeGoogle, tess: User, bearer: Bearer) -> None:
    bearer(id_token()).post(VERIFY)
    assert bearer(id_token()).delete(ME).status_code == 204

    assert_error(bearer(id_token()).post(VERIFY), 403, "USER_DISABLED")
    assert User.objects.count() == 1


def test_without_a_token_there_is_nothing_to_verify(db: None, api: Callable[[User | None], APIClient]) -> None:
    response = api(None).post(VERIFY)

    assert_error(response, 401, "UNAUTHENTICATED")
    assert response["WWW-Authenticate"].startswith("Bearer")


def test_an_api_token_answers_for_its_owner(tess: User, bearer: Bearer) -> None:
    _token, plain = ApiToken.issue(user=tess, name="demo")

    assert bearer(plain).post(VERIFY).json()["data"]["role"] == "TECHNICIAN"


def test_an_idempotency_key_is_not_shared_by_strangers(firebase: FakeGoogle, db: None, bearer: Bearer) -> None:
    firebase.knows("uid-rita")
    tess, rita = id_token(), id_token("uid-rita", email="rita@example.org")

    answers = [bearer(token).post(VERIFY, HTTP_IDEMPOTENCY_KEY="1").json()["data"] for token in (tess, rita, tess)]

    assert [answer["email"] for answer in answers] == ["tess@example.org", "rita@example.org", "tess@example.org"]


@pytest.mark.django_db(transaction=True)
def test_first_sign_ins_at_once_are_one_person(firebase: FakeGoogle, bearer: Bearer) -> None:
    token = id_token()

    def verify(_number: int) -> int:
        try:
            return bearer(token).post(VERIFY).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(verify, range(4))) == [200] * 4
    assert User.objects.count() == 1


class TestLogout:
    def test_ends_this_sign_in(self, firebase: FakeGoogle, tess: User, bearer: Bearer) -> None:
        phone, tablet = id_token(), id_token(auth_time=int(time.time()) - 500)
        for device in (phone, tablet):
            bearer(device).post(VERIFY)

        assert bearer(phone).post(LOGOUT).status_code == 204

        assert_error(bearer(phone).get(ME), 401, "TOKEN_REVOKED")
        assert_error(bearer(phone).post(VERIFY), 401, "TOKEN_REVOKED")
        assert bearer(tablet).get(ME).status_code == 200

    def test_everywhere_ends_all_of_them(self, firebase: FakeGoogle, tess: User, bearer: Bearer) -> None:
        phone, tablet = id_token(), id_token(auth_time=int(time.time()) - 500)
        _token, plain = ApiToken.issue(user=tess, name="script")
        for device in (phone, tablet):
            bearer(device).post(VERIFY)

        assert bearer(phone).post(LOGOUT, {"everywhere": True}).status_code == 204

        for credential in (phone, tablet, plain):
            assert_error(bearer(credential).get(ME), 401, "TOKEN_REVOKED")

    def test_remembers_so_many_and_then_ends_all(self, firebase: FakeGoogle, tess: User, bearer: Bearer) -> None:
        tokens = [id_token(auth_time=int(time.time()) - second) for second in range(10, 12 + MAX_ENDED_SIGN_INS)]
        bearer(tokens[0]).post(VERIFY)
        for token in tokens[:-1]:
            assert bearer(token).post(LOGOUT).status_code == 204

        tess.refresh_from_db()
        assert tess.ended_sign_ins == []
        for token in tokens:
            assert_error(bearer(token).get(ME), 401, "TOKEN_REVOKED")

    def test_revokes_the_api_token(self, tess: User, bearer: Bearer) -> None:
        _token, plain = ApiToken.issue(user=tess, name="script")

        assert bearer(plain).post(LOGOUT).status_code == 204

        assert_error(bearer(plain).get(ME), 401, "TOKEN_REVOKED")

    def test_ends_the_back_office_session(self, mona: User, backoffice: Any) -> None:
        browser = backoffice(mona)
        assert browser.get(ME).status_code == 200

        assert browser.post(LOGOUT, content_type="application/json").status_code == 204

        assert browser.get(ME).status_code == 401

    def test_is_audited(self, tess: User, bearer: Bearer) -> None:
        _token, plain = ApiToken.issue(user=tess, name="script")
        bearer(plain).post(LOGOUT)

        entry = AuditLog.objects.filter(entity_type="api_tokens", action="UPDATE").get()
        assert (entry.actor_id, list(entry.changes)) == (tess.id, ["revoked_at"])

    def test_knows_no_other_field(self, tess: User, bearer: Bearer) -> None:
        _token, plain = ApiToken.issue(user=tess, name="script")

        assert_error(bearer(plain).post(LOGOUT, {"device": "phone"}), 400, "UNKNOWN_FIELD", field="device")
