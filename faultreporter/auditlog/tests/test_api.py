from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from faultreporter.accounts.models import User
from faultreporter.audit import seals
from faultreporter.audit.context import acting
from faultreporter.audit.models import AuditLog
from faultreporter.testing import assert_error

pytestmark = pytest.mark.django_db

LIST = "/api/v1/audit-logs"
SignIn = Callable[[User | None], APIClient]


def rename(person: User, name: str, *, by: User | None = None) -> None:
    with acting(by=by, source=AuditLog.Source.API, request_id=f"request-{name}"):
        User.objects.filter(pk=person.pk).update(display_name=name)


def test_an_administrator_reads_who_changed_what(api: SignIn, adam: User, mona: User, tess: User) -> None:
    rename(tess, "Tessa", by=mona)

    newest = api(adam).get(LIST).json()["data"][0]

    assert (newest["entity_type"], newest["entity_id"], newest["action"]) == ("users", str(tess.pk), "UPDATE")
    assert newest["changes"] == {"display_name": ["Tess", "Tessa"]}
    assert (newest["actor_id"], newest["actor_name"], newest["source"]) == (str(mona.pk), "Mona", "API")
    assert (newest["request_id"], newest["ip"], newest["seal_id"]) == ("request-Tessa", None, None)


@pytest.mark.parametrize("role", ["mona", "tess", "rita"])
@pytest.mark.parametrize("address", [LIST, f"{LIST}/1", f"{LIST}/verify"])
def test_nobody_else_may(api: SignIn, request: pytest.FixtureRequest, role: str, address: str) -> None:
    assert_error(api(request.getfixturevalue(role)).get(address), 403, "PERMISSION_DENIED")


def test_an_entry_has_an_address_of_its_own(api: SignIn, adam: User) -> None:
    entry = AuditLog.objects.latest("id")

    response = api(adam).get(f"{LIST}/{entry.pk}")

    assert response.json()["data"]["id"] == entry.pk
    assert api(adam).get(f"{LIST}/{entry.pk}", headers={"If-None-Match": response["ETag"]}).status_code == 304
    assert_error(api(adam).get(f"{LIST}/{entry.pk + 1000}"), 404, "NOT_FOUND")


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_nobody_writes_the_log(api: SignIn, adam: User, method: str) -> None:
    entry = AuditLog.objects.latest("id")
    address = LIST if method == "post" else f"{LIST}/{entry.pk}"

    assert_error(getattr(api(adam), method)(address, {}), 405, "METHOD_NOT_ALLOWED")


def test_a_cursor_leads_through_the_whole_list_once(api: SignIn, adam: User, tess: User) -> None:
    for number in range(5):
        rename(tess, f"Tess {number}")
    expected = list(AuditLog.objects.values_list("id", flat=True))
    found: list[int] = []
    cursor: str | None = ""

    while cursor is not None:
        body = api(adam).get(f"{LIST}?limit=2&cursor={cursor}").json()
        found += [entry["id"] for entry in body["data"]]
        cursor = body["pagination"]["next_cursor"]
        assert body["pagination"]["has_more"] is (cursor is not None)

    assert found == expected


@pytest.mark.parametrize("cursor", ["x", "W10", "WyJhIl0", "Wy0xXQ", "WzFlNDBd", "W3RydWVd", "é"])
def test_a_cursor_that_is_not_ours_is_refused(api: SignIn, adam: User, cursor: str) -> None:
    assert_error(api(adam).get(LIST, {"cursor": cursor}), 400, "INVALID_PARAMETER", "cursor")


@pytest.mark.parametrize("parameter", ["page", "page_size", "ordering", "search", "expand", "created_after"])
def test_what_the_list_does_not_know_is_refused(api: SignIn, adam: User, parameter: str) -> None:
    assert_error(api(adam).get(LIST, {parameter: "1"}), 400, "INVALID_PARAMETER", parameter)


def test_the_list_can_be_narrowed(api: SignIn, adam: User, mona: User, tess: User, rita: User) -> None:
    rename(tess, "Tessa", by=mona)
    rename(rita, "Margherita", by=adam)
    just_now = (timezone.now() - timedelta(minutes=1)).isoformat()

    def found(**parameters: Any) -> list[str]:
        body = api(adam).get(LIST, parameters).json()
        return [entry["changes"]["display_name"][1] for entry in body["data"]]

    assert found(entity_id=str(tess.pk)) == ["Tessa", "Tess"]
    assert found(entity_type="users", action="update") == ["Margherita", "Tessa"]
    assert found(actor_id=str(mona.pk)) == ["Tessa"]
    assert found(source="api,admin", request_id="request-Margherita") == ["Margherita"]
    assert found(occurred_after=just_now, action="UPDATE", entity_id=str(rita.pk)) == ["Margherita"]
    assert found(occurred_before=just_now) == []
    assert found(entity_type="nothing") == []


@pytest.mark.parametrize(
    ("parameter", "value"), [("actor_id", "me"), ("action", "BURN"), ("source", "TV"), ("occurred_after", "soon")]
)
def test_a_filter_that_makes_no_sense_is_refused(api: SignIn, adam: User, parameter: str, value: str) -> None:
    assert_error(api(adam).get(LIST, {parameter: value}), 400, "INVALID_PARAMETER", parameter)


def test_a_page_costs_one_query(api: SignIn, adam: User, tess: User, django_assert_max_num_queries: Any) -> None:
    for number in range(20):
        rename(tess, f"Tess {number}", by=adam)

    with django_assert_max_num_queries(1):
        api(adam).get(LIST, {"limit": 20})


@pytest.mark.django_db(transaction=True)
def test_the_seals_can_be_checked(api: SignIn, adam: User) -> None:
    seals.seal_all()

    data = api(adam).get(f"{LIST}/verify").json()["data"]

    assert (data["intact"], data["seals"], data["rows"], data["unsealed"]) == (True, 1, 1, 0)
    assert data["last_seal"].startswith("1:")
    assert (data["broken_seal"], data["finding"], data["next_after"]) == (None, "", None)


@pytest.mark.django_db(transaction=True)
def test_a_check_goes_on_where_time_ran_out(
    api: SignIn, adam: User, mona: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("faultreporter.auditlog.viewsets.VERIFY_SECONDS", 0)
    seals.seal_all(max_rows=1)

    begun = api(adam).get(f"{LIST}/verify").json()["data"]
    done = api(adam).get(f"{LIST}/verify", {"after": begun["next_after"] + 1}).json()["data"]

    assert (begun["seals"], begun["next_after"]) == (1, 1)
    assert (done["intact"], done["next_after"]) == (True, None)
    assert_error(api(adam).get(f"{LIST}/verify", {"after": "x"}), 400, "INVALID_PARAMETER", "after")


def test_the_addresses_are_the_contracts() -> None:
    assert reverse("audit-log-list") == LIST
    assert reverse("audit-log-verify") == f"{LIST}/verify"
