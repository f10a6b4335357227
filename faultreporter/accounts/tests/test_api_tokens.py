import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from faultreporter.accounts.models import ApiToken, User
from faultreporter.audit.models import AuditLog
from faultreporter.testing import assert_error

ME = "/api/v1/me"
Bearer = Callable[[str], APIClient]


def test_it_works(tess: User, bearer: Bearer) -> None:
    _token, plain = ApiToken.issue(user=tess, name="demo")

    assert bearer(plain).get(ME).json()["data"]["email"] == tess.email


def test_only_the_digest_is_stored(tess: User) -> None:
    token, plain = ApiToken.issue(user=tess, name="demo")

    stored = ApiToken.objects.values().get()
    assert plain.startswith("frt_")
    assert len(plain) == len("frt_") + 43  # 256 bits in base64
    assert plain not in str(stored)
    assert stored["digest"] == hashlib.sha256(plain.encode()).hexdigest()
    assert ApiToken.objects.get().plain == ""
    assert token.prefix == plain[:12]


def test_the_audit_log_does_not_hold_the_digest(tess: User) -> None:
    ApiToken.issue(user=tess, name="demo")

    assert AuditLog.objects.get(entity_type="api_tokens").changes["digest"] == [None, "***"]


def test_the_scheme_may_be_written_in_any_case(tess: User) -> None:
    _token, plain = ApiToken.issue(user=tess, name="demo")

    assert APIClient().get(ME, HTTP_AUTHORIZATION=f"bearer  {plain} ").status_code == 200


@pytest.mark.parametrize("header", ["Basic YTpi", "Token x", "Bearer"])
def test_other_schemes_are_no_credential(db: None, header: str) -> None:
    response = APIClient().get(ME, HTTP_AUTHORIZATION=header)

    assert response.status_code == 401
    assert response["WWW-Authenticate"] == 'Bearer realm="faultreporter"'


@pytest.mark.parametrize("plain", ["frt_", "frt_nobody", "frt_" + "x" * 9000, "frt_é", "frt_\x00"])
def test_an_unknown_token_is_invalid(db: None, bearer: Bearer, plain: str) -> None:
    assert_error(bearer(plain).get(ME), 401, "TOKEN_INVALID")


def test_a_revoked_token(tess: User, bearer: Bearer) -> None:
    token, plain = ApiToken.issue(user=tess, name="demo")
    first = timezone.now()
    token.revoke(by=tess, at=first)
    token.revoke(by=tess, at=first + timedelta(hours=1))

    assert_error(bearer(plain).get(ME), 401, "TOKEN_REVOKED")
    assert ApiToken.objects.get().revoked_at == first


def test_an_expired_token(tess: User, bearer: Bearer) -> None:
    _token, plain = ApiToken.issue(user=tess, name="demo", expires_at=timezone.now() - timedelta(seconds=1))

    assert_error(bearer(plain).get(ME), 401, "TOKEN_EXPIRED")


def test_a_token_of_somebody_disabled(tess: User, bearer: Bearer) -> None:
    _token, plain = ApiToken.issue(user=tess, name="demo")
    tess.amend(by=None, at=timezone.now(), is_active=False)

    assert_error(bearer(plain).get(ME), 403, "USER_DISABLED")


def test_a_read_only_token_changes_nothing(tess: User, bearer: Bearer) -> None:
    _token, plain = ApiToken.issue(user=tess, name="dashboard", scopes=[ApiToken.Scope.READ])

    assert bearer(plain).get(ME).status_code == 200
    assert_error(bearer(plain).put(ME, {"phone": "1"}), 403, "PERMISSION_DENIED")
    assert_error(bearer(plain).post("/api/v1/auth/logout"), 403, "PERMISSION_DENIED")


def test_writing_goes_with_reading(tess: User) -> None:
    token, _plain = ApiToken.issue(user=tess, name="demo", scopes=["WRITE"])

    assert token.scopes == ["READ", "WRITE"]
    with pytest.raises(ValidationError, match="READ"):
        ApiToken(user=tess, name="x", prefix="x", digest="x", scopes=["WRITE"]).full_clean()
    with pytest.raises(IntegrityError, match="check_api_tokens_scopes"):
        ApiToken.objects.update(scopes=["READ", "ADMIN"])


class TestLastUse:
    def use(self, token: ApiToken, at: Any) -> None:
        ApiToken.objects.get(pk=token.pk).note_use(at)

    def test_is_written_once_a_minute(self, tess: User) -> None:
        token, _plain = ApiToken.issue(user=tess, name="demo")
        start = timezone.now()

        for seconds in (0, 30, 59, 61):
            self.use(token, start + timedelta(seconds=seconds))

        assert ApiToken.objects.get().last_used_at == start + timedelta(seconds=61)

    def test_is_no_change_of_the_record(self, tess: User) -> None:
        token, _plain = ApiToken.issue(user=tess, name="demo")
        self.use(token, timezone.now())

        assert ApiToken.objects.get().updated_at == token.updated_at
        assert not AuditLog.objects.filter(entity_type="api_tokens", action="UPDATE").exists()

    def test_requests_within_the_minute_write_nothing(self, tess: User, bearer: Bearer) -> None:
        _token, plain = ApiToken.issue(user=tess, name="demo")
        bearer(plain).get(ME)

        with CaptureQueriesContext(connection) as queries:
            bearer(plain).get(ME)

        assert len(queries) == 2  # the token with its owner, the profile


def test_an_unknown_token_costs_one_look_up(db: None, bearer: Bearer) -> None:
    with CaptureQueriesContext(connection) as queries:
        bearer("frt_nobody").get(ME)

    assert len(queries) == 1


class TestSession:
    """The back office's session, in /docs."""

    def test_reads(self, mona: User, backoffice: Any) -> None:
        assert backoffice(mona).get(ME).json()["data"]["role"] == "MANAGER"

    def test_writes_need_the_csrf_token(self, mona: User) -> None:
        browser = APIClient(enforce_csrf_checks=True)
        browser.force_login(mona, backend="django.contrib.auth.backends.ModelBackend")

        assert_error(browser.put(ME, {"phone": "1"}), 403, "PERMISSION_DENIED")

    def test_ends_when_sign_ins_are_revoked(self, mona: User, backoffice: Any) -> None:
        browser = backoffice(mona)
        mona.revoke_sign_ins(by=None, at=timezone.now())

        assert browser.get(ME).status_code == 401
