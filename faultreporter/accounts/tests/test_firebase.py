"""Firebase's tokens through the SDK's production path, against our own key and servers."""

import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import jwt
import pytest
import time_machine
from django.utils import timezone
from rest_framework.test import APIClient

from faultreporter.accounts.firebase import identity_provider
from faultreporter.accounts.models import User
from faultreporter.accounts.tests.google import (
    FakeGoogle,
    certificate,
    claims,
    id_token,
    private_key,
    signed,
)
from faultreporter.testing import assert_error

ME = "/api/v1/me"
Bearer = Callable[[str], APIClient]


@pytest.fixture
def linked(tess: User) -> User:
    """Tess, who has signed in before."""
    tess.firebase_uid = "uid-tess"
    tess.save()
    return tess


def test_it_works(firebase: FakeGoogle, linked: User, bearer: Bearer) -> None:
    response = bearer(id_token()).get(ME)

    assert response.status_code == 200
    assert response.json()["data"]["email"] == "tess@example.org"


def test_a_second_request_checks_no_signature(firebase: FakeGoogle, linked: User, bearer: Bearer) -> None:
    token = id_token()
    bearer(token).get(ME)
    firebase.max_age, asked = 0, len(firebase.asked)

    assert bearer(token).get(ME).status_code == 200
    assert len(firebase.asked) == asked


def b64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def token_of(header: Any, payload: Any, signature: str = "AAAA") -> str:
    parts = (part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, payload))
    return ".".join([*map(b64, parts), signature])


def with_certificate_as_secret() -> str:
    """The classic: the public certificate taken for the secret of an HMAC."""
    header = {"alg": "HS256", "kid": "k1", "typ": "JWT"}
    unsigned = token_of(header, claims()).rpartition(".")[0]
    key = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    return f"{unsigned}.{b64(key.sign(unsigned.encode(), certificate('k1').encode()))}"


def altered_payload() -> str:
    header, _payload, signature = id_token().split(".")
    return f"{header}.{b64(json.dumps(claims('uid-adam')).encode())}.{signature}"


RS256 = {"alg": "RS256", "kid": "k1"}
HOSTILE: dict[str, Callable[[], str]] = {
    "empty": lambda: "",
    "the word null": lambda: "null",
    "garbage": lambda: "abc",
    "three words": lambda: "a.b.c",
    "not ASCII": lambda: "é.é.é",
    "NUL": lambda: "\x00.\x00.\x00",
    "spaces inside": lambda: id_token().replace(".", " ."),
    "padding": lambda: id_token() + "==",
    "alien characters in the signature": lambda: id_token() + "!",
    "alg none": lambda: jwt.encode(claims(), "", algorithm="none"),
    "alg none with a kid": lambda: jwt.encode(claims(), "", algorithm="none", headers={"kid": "k1"}),
    "alg a list": lambda: token_of({"alg": ["RS256"], "kid": "k1"}, claims()),
    "HS256": lambda: jwt.encode(claims(), "secret" * 6, algorithm="HS256", headers={"kid": "k1"}),
    "HS256 with the certificate as the secret": with_certificate_as_secret,
    "a legacy token whose d isn't an object": lambda: token_of({"alg": "HS256"}, {"v": 0, "d": 5}),
    "no kid": lambda: jwt.encode(claims(), private_key("k1"), algorithm="RS256"),
    "unknown kid": lambda: id_token(kid="k9"),
    "kid an object": lambda: token_of({"alg": "RS256", "kid": {"a": 1}}, claims()),
    "kid a path": lambda: signed(claims(), kid="../../etc/passwd"),
    "another key under a known kid": lambda: signed(claims(), kid="k1", key="k2"),
    "altered payload": altered_payload,
    "no signature": lambda: token_of(RS256, claims(), ""),
    "wrong audience": lambda: id_token(aud="building-8"),
    "audience a list": lambda: id_token(aud=["building-7"]),
    "wrong issuer": lambda: id_token(iss="https://securetoken.google.com/building-8"),
    "a custom token": lambda: id_token(
        aud="https://identitytoolkit.googleapis.com/google.identity.identitytoolkit.v1.IdentityToolkit"
    ),
    "no subject": lambda: id_token(sub=...),
    "subject empty": lambda: id_token(sub=""),
    "subject too long": lambda: id_token(sub="x" * 129),
    "subject with NUL": lambda: id_token(sub="uid\x00tess"),
    "subject half a character": lambda: id_token(sub="\ud800"),
    "issued in the future": lambda: id_token(iat=int(time.time()) + 60),
    "signed in in the future": lambda: id_token(auth_time=int(time.time()) + 60),
    "no auth_time": lambda: id_token(auth_time=...),
    "no expiry": lambda: id_token(exp=...),
    "expiry a word": lambda: id_token(exp="soon"),
    "expiry not a number": lambda: id_token(exp=float("nan")),
    "expiry infinite": lambda: id_token(exp=float("inf")),
    "expiry huge": lambda: id_token(exp=10**400),
    "expiry a fraction": lambda: id_token(exp=time.time() + 60.5),
    "header a list": lambda: token_of([], claims()),
    "header a word": lambda: token_of("x", claims()),
    "payload a list": lambda: token_of(RS256, []),
    "payload null": lambda: token_of(RS256, None),
    "payload not JSON": lambda: token_of(RS256, b"{"),
    "payload not UTF-8": lambda: token_of(RS256, b"\xff\xfe"),
    "payload nested deeply": lambda: token_of(RS256, b"[" * 5000),
    "nested beyond the cap": lambda: token_of(RS256, b"[" * 100_000),
    "a megabyte": lambda: "a" * 1_000_000,
    "a genuine token grown beyond the cap": lambda: id_token(padding="x" * 8192),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_not_genuine_is_401(firebase: FakeGoogle, linked: User, bearer: Bearer, name: str) -> None:
    response = bearer(HOSTILE[name]()).get(ME)

    assert_error(response, 401, "TOKEN_INVALID")
    assert response["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_not_genuine_does_not_sign_in(firebase: FakeGoogle, db: None, bearer: Bearer, name: str) -> None:
    assert_error(bearer(HOSTILE[name]()).post("/api/v1/auth/verify"), 401, "TOKEN_INVALID")
    assert not User.objects.exists()


def test_an_expired_token_is_to_be_refreshed(firebase: FakeGoogle, linked: User, bearer: Bearer) -> None:
    assert_error(bearer(id_token(exp=int(time.time()) - 1)).get(ME), 401, "TOKEN_EXPIRED")
    assert_error(bearer(id_token(exp=int(time.time()) - 3600)).get(ME), 401, "TOKEN_EXPIRED")


def test_a_forged_expired_token_is_not_to_be_refreshed(firebase: FakeGoogle, linked: User, bearer: Bearer) -> None:
    forged = signed(claims(exp=int(time.time()) - 60), kid="k1", key="k2")

    assert_error(bearer(forged).get(ME), 401, "TOKEN_INVALID")


def test_clocks_may_differ_by_ten_seconds(firebase: FakeGoogle, linked: User, bearer: Bearer) -> None:
    early = int(time.time()) + 8

    assert bearer(id_token(iat=early, auth_time=early)).get(ME).status_code == 200


def test_a_stranger_signs_in_first(firebase: FakeGoogle, db: None, bearer: Bearer) -> None:
    assert_error(bearer(id_token()).get(ME), 401, "UNAUTHENTICATED")


def test_what_the_user_typed_into_their_profile_is_no_danger(firebase: FakeGoogle, db: None, bearer: Bearer) -> None:
    token = id_token(name="T\x00e\ud800ss" + "s" * 500, phone_number=["+43"])

    assert bearer(token).post("/api/v1/auth/verify").status_code == 200
    assert User.objects.get().display_name.startswith("Tess")


class TestKeptTokens:
    def test_ends_at_its_expiry(self, firebase: FakeGoogle, linked: User, bearer: Bearer) -> None:
        token = id_token()
        assert bearer(token).get(ME).status_code == 200

        with time_machine.travel(time.time() + 3541):
            assert_error(bearer(token).get(ME), 401, "TOKEN_EXPIRED")

    def test_ends_when_sign_ins_are_revoked(self, firebase: FakeGoogle, linked: User, bearer: Bearer) -> None:
        token = id_token()
        assert bearer(token).get(ME).status_code == 200

        linked.revoke_sign_ins(by=None, at=timezone.now())

        assert_error(bearer(token).get(ME), 401, "TOKEN_REVOKED")
        new = int(time.time()) + 2
        assert bearer(id_token(auth_time=new, iat=new)).get(ME).status_code == 200

    def test_a_refreshed_token_of_a_revoked_sign_in_is_refused(
        self, firebase: FakeGoogle, linked: User, bearer: Bearer
    ) -> None:
        linked.revoke_sign_ins(by=None, at=timezone.now())

        assert_error(bearer(id_token(iat=int(time.time()) + 2)).get(ME), 401, "TOKEN_REVOKED")

    def test_ends_with_deactivation(self, firebase: FakeGoogle, linked: User, bearer: Bearer) -> None:
        token = id_token()
        assert bearer(token).get(ME).status_code == 200

        linked.amend(by=None, at=timezone.now(), is_active=False)

        assert_error(bearer(token).get(ME), 403, "USER_DISABLED")

    def test_ends_with_deletion(self, firebase: FakeGoogle, linked: User, bearer: Bearer) -> None:
        token = id_token()
        assert bearer(token).get(ME).status_code == 200

        linked.soft_delete(by=None, at=timezone.now())

        assert_error(bearer(token).get(ME), 403, "USER_DISABLED")

    def test_a_refused_token_is_not_kept(self, firebase: FakeGoogle, linked: User, bearer: Bearer) -> None:
        token = id_token()
        linked.amend(by=None, at=timezone.now(), is_active=False)
        bearer(token).get(ME)
        bearer(id_token(aud="other")).get(ME)
        bearer(id_token("uid-stranger")).get(ME)

        assert len(identity_provider().tokens) == 0

    def test_are_bounded(self, firebase: FakeGoogle, linked: User, bearer: Bearer) -> None:
        provider = identity_provider()
        provider.tokens.capacity = 2
        for second in range(4):
            bearer(id_token(iat=int(time.time()) - second)).get(ME)

        assert len(provider.tokens) == 2


class TestRevocationAtFirebase:
    def test_is_asked_once_in_five_minutes(self, firebase: FakeGoogle, linked: User, bearer: Bearer) -> None:
        for _again in range(3):
            bearer(id_token()).get(ME)
        assert firebase.times_asked("accounts:lookup") == 1

        with time_machine.travel(time.time() + 301):
            bearer(id_token()).get(ME)
        assert firebase.times_asked("accounts:lookup") == 2

    def test_ends_every_token_issued_before(self, firebase: FakeGoogle, linked: User, bearer: Bearer) -> None:
        old, new = id_token(iat=int(time.time()) - 50), id_token(iat=int(time.time()) - 10)
        firebase.knows("uid-tess", valid_since=time.time() - 30)

        assert bearer(new).get(ME).status_code == 200
        assert_error(bearer(old).get(ME), 401, "TOKEN_REVOKED")

    def test_is_noticed_after_five_minutes(self, firebase: FakeGoogle, linked: User, bearer: Bearer) -> None:
        token = id_token()
        assert bearer(token).get(ME).status_code == 200
        firebase.knows("uid-tess", valid_since=time.time())

        assert bearer(token).get(ME).status_code == 200
        with time_machine.travel(time.time() + 301):
            assert_error(bearer(token).get(ME), 401, "TOKEN_REVOKED")

    def test_is_noticed_at_once_when_signing_in(self, firebase: FakeGoogle, linked: User, bearer: Bearer) -> None:
        token = id_token()
        assert bearer(token).get(ME).status_code == 200
        firebase.knows("uid-tess", valid_since=time.time())

        assert_error(bearer(token).post("/api/v1/auth/verify"), 401, "TOKEN_REVOKED")
        assert_error(bearer(token).get(ME), 401, "TOKEN_REVOKED")

    def test_is_noticed_at_once_when_an_administrator_writes(
        self, firebase: FakeGoogle, adam: User, bearer: Bearer
    ) -> None:
        User.objects.filter(pk=adam.pk).update(firebase_uid="uid-adam")
        firebase.knows("uid-adam")
        token = id_token("uid-adam")
        assert bearer(token).get(ME).status_code == 200
        firebase.knows("uid-adam", valid_since=time.time())

        assert_error(bearer(token).put(ME, {"phone": "1"}), 401, "TOKEN_REVOKED")

    def test_a_disabled_account(self, firebase: FakeGoogle, linked: User, bearer: Bearer) -> None:
        firebase.knows("uid-tess", disabled=True)

        assert_error(bearer(id_token()).get(ME), 403, "USER_DISABLED")

    def test_a_deleted_account(self, firebase: FakeGoogle, linked: User, bearer: Bearer) -> None:
        firebase.accounts.clear()

        assert_error(bearer(id_token()).get(ME), 401, "TOKEN_REVOKED")

    @pytest.mark.parametrize("status", [400, 403])
    def test_nobody_signs_in_while_accounts_cannot_be_looked_up(
        self, firebase: FakeGoogle, linked: User, bearer: Bearer, status: int
    ) -> None:
        firebase.account_status = status

        response = bearer(id_token()).post("/api/v1/auth/verify")

        assert_error(response, 503, "SERVICE_UNAVAILABLE")
        assert int(response["Retry-After"]) > 0

    def test_work_goes_on_while_accounts_cannot_be_looked_up(
        self, firebase: FakeGoogle, linked: User, bearer: Bearer
    ) -> None:
        firebase.account_status = 403

        assert [bearer(id_token()).get(ME).status_code for _again in range(3)] == [200, 200, 200]
        assert firebase.times_asked("accounts:lookup") == 1

    def test_is_not_asked_without_a_service_account(
        self, firebase: FakeGoogle, linked: User, bearer: Bearer, settings: Any
    ) -> None:
        settings.FIREBASE_SERVICE_ACCOUNT_PATH = ""

        assert bearer(id_token()).post("/api/v1/auth/verify").status_code == 200
        assert firebase.times_asked("accounts:lookup") == 0


class TestCertificates:
    def test_a_new_key_counts_when_the_old_certificates_have_run_out(
        self, firebase: FakeGoogle, linked: User, bearer: Bearer
    ) -> None:
        assert bearer(id_token()).get(ME).status_code == 200
        firebase.certificates = {"k2": certificate("k2")}
        assert_error(bearer(id_token(kid="k2")).get(ME), 401, "TOKEN_INVALID")

        with time_machine.travel(time.time() + firebase.max_age + 1):
            assert bearer(id_token(kid="k2")).get(ME).status_code == 200
            assert_error(bearer(id_token(kid="k1")).get(ME), 401, "TOKEN_INVALID")

    @pytest.mark.parametrize("status", [404, 500, 503])
    def test_an_error_at_google_is_503(self, firebase: FakeGoogle, linked: User, bearer: Bearer, status: int) -> None:
        firebase.status = status

        response = bearer(id_token()).get(ME)

        assert_error(response, 503, "SERVICE_UNAVAILABLE")
        assert int(response["Retry-After"]) > 0

    @pytest.mark.parametrize("body", [b"<html>Sign in to the Wi-Fi</html>", b"\xff\xfe"])
    def test_a_page_of_somebody_else_is_503(
        self, firebase: FakeGoogle, linked: User, bearer: Bearer, body: bytes
    ) -> None:
        firebase.certificates = body

        assert_error(bearer(id_token()).get(ME), 503, "SERVICE_UNAVAILABLE")

    def test_no_connection_is_503(self, firebase: FakeGoogle, linked: User, bearer: Bearer) -> None:
        identity_provider()
        firebase.stop()

        assert_error(bearer(id_token()).get(ME), 503, "SERVICE_UNAVAILABLE")

    def test_nobody_waits_for_google_while_it_is_known_to_be_down(
        self, firebase: FakeGoogle, linked: User, bearer: Bearer
    ) -> None:
        firebase.status = 503
        for _again in range(3):
            bearer(id_token()).get(ME)
        assert firebase.times_asked("x509") == 1

        firebase.status = 200
        with time_machine.travel(time.time() + 6):
            assert bearer(id_token()).get(ME).status_code == 200


@pytest.mark.parametrize(
    ("project", "path", "named"),
    [("", "", "FIREBASE_PROJECT_ID"), ("building-7", "/nowhere.json", "FIREBASE_SERVICE_ACCOUNT_PATH")],
)
@pytest.mark.usefixtures("db")
def test_without_firebase_the_answer_says_so(
    bearer: Bearer, settings: Any, project: str, path: str, named: str
) -> None:
    settings.FIREBASE_PROJECT_ID, settings.FIREBASE_SERVICE_ACCOUNT_PATH = project, path
    identity_provider.cache_clear()

    response = bearer(id_token()).get(ME)

    assert named in assert_error(response, 503, "SERVICE_UNAVAILABLE")["message"]
    assert int(response["Retry-After"]) > 0
    assert_error(bearer("not.a.token").get(ME), 401, "TOKEN_INVALID")


class TestEmulator:
    """Firebase's emulator signs nothing. It is for development, and this is what it would let in elsewhere."""

    def test_what_it_issues_counts_in_development(
        self, firebase: FakeGoogle, linked: User, bearer: Bearer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("FIREBASE_AUTH_EMULATOR_HOST", firebase.url.removeprefix("http://"))
        unsigned = jwt.encode(claims(), "", algorithm="none")

        assert bearer(unsigned).get(ME).status_code == 200

    def test_production_does_not_start_with_it(self) -> None:
        environment = {
            **os.environ,
            "ENVIRONMENT": "production",
            "SECRET_KEY": "x" * 50,
            "FIREBASE_AUTH_EMULATOR_HOST": "localhost:9099",
        }

        run = subprocess.run(
            [sys.executable, "-c", "import faultreporter.settings"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

        assert run.returncode != 0
        assert "FIREBASE_AUTH_EMULATOR_HOST is set: forged tokens would be accepted" in run.stderr


def test_the_sdk_is_not_imported_until_a_token_comes() -> None:
    code = "import sys, django; django.setup(); import faultreporter.accounts.viewsets; print(sorted(sys.modules))"

    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert "'faultreporter.accounts.firebase'" in modules
    assert "'firebase_admin'" not in modules


def test_tokens_stay_valid_for_the_hour_they_are_issued(firebase: FakeGoogle, linked: User, bearer: Bearer) -> None:
    token = id_token()
    bearer(token).get(ME)

    with time_machine.travel(timezone.now() + timedelta(minutes=58)):
        assert bearer(token).get(ME).status_code == 200
