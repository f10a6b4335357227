"""What every endpoint promises, shown on /equipment: envelope, errors, versions, retries, limits."""

import threading
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from rest_framework.test import APIClient

from equipment.models import Equipment
from equipment.tests.factories import EquipmentFactory
from faultreporter.accounts.models import ApiToken, User
from faultreporter.api import ratelimit
from faultreporter.api.models import IdempotencyRecord
from faultreporter.audit.models import AuditLog
from faultreporter.testing import assert_error

Api = Callable[[User | None], APIClient]
URL = "/api/v1/equipment"
BODY = {"equipment_code": "CH-1", "equipment_name": "Chiller 1"}

pytestmark = pytest.mark.django_db


def create(client: APIClient, body: dict[str, Any] | None = None, **headers: str) -> Any:
    return client.post(URL, body or BODY, headers=headers)


class TestEnvelope:
    def test_one_record(self, api: Api, mona: User) -> None:
        response = create(api(mona))

        body = response.json()
        assert response.status_code == 201
        assert set(body) == {"success", "data", "message", "timestamp"}
        assert body["success"] is True
        assert response["Location"] == f"{URL}/{body['data']['id']}"
        assert body["timestamp"].endswith("Z")

    def test_a_list_has_its_page(self, api: Api, rita: User) -> None:
        EquipmentFactory.create_batch(3)

        body = api(rita).get(URL, {"page": 2, "page_size": 2}).json()

        assert len(body["data"]) == 1
        assert body["pagination"] == {
            "page": 2,
            "page_size": 2,
            "total_pages": 2,
            "total_count": 3,
            "has_next": False,
            "has_previous": True,
        }

    def test_a_page_past_the_end_is_empty_and_knows_the_total(self, api: Api, rita: User) -> None:
        EquipmentFactory.create_batch(3)

        body = api(rita).get(URL, {"page": 9}).json()

        assert body["data"] == []
        assert body["pagination"]["total_count"] == 3

    def test_deleting_answers_nothing(self, api: Api, mona: User) -> None:
        machine = EquipmentFactory()

        response = api(mona).delete(f"{URL}/{machine.pk}")

        assert (response.status_code, response.content) == (204, b"")

    def test_errors_as_problem_json(self, api: Api, mona: User) -> None:
        response = api(mona).get(f"{URL}/{uuid.uuid4()}", headers={"Accept": "application/problem+json"})

        assert response["Content-Type"] == "application/problem+json"
        assert response.json()["status"] == 404
        assert response.json()["code"] == "NOT_FOUND"

    def test_only_json_can_be_answered(self, api: Api, mona: User) -> None:
        response = api(mona).get(URL, headers={"Accept": "text/html"})

        assert_error(response, 406, "NOT_ACCEPTABLE")


class TestRefusals:
    def test_a_stranger(self, api: Api) -> None:
        response = api(None).get(URL)

        assert_error(response, 401, "UNAUTHENTICATED")
        assert response["WWW-Authenticate"].startswith("Bearer")

    def test_a_reporter_adds_no_machine(self, api: Api, rita: User) -> None:
        assert_error(create(api(rita)), 403, "PERMISSION_DENIED")

    @pytest.mark.parametrize("parameter", ["pagesize", "stauts", "equipment"])
    def test_an_unknown_parameter(self, api: Api, mona: User, parameter: str) -> None:
        assert_error(api(mona).get(URL, {parameter: "1"}), 400, "INVALID_PARAMETER", parameter)

    @pytest.mark.parametrize(
        "query", ["status=", "parent_id=%20", "page=", "page=1&page=2", "manufacturer=a%00b", "updated_since="]
    )
    def test_a_parameter_that_would_be_ignored(self, api: Api, mona: User, query: str) -> None:
        assert_error(api(mona).get(f"{URL}?{query}"), 400, "INVALID_PARAMETER", query.split("=", maxsplit=1)[0])

    def test_a_search_that_was_cleared(self, api: Api, mona: User) -> None:
        assert api(mona).get(URL, {"search": ""}).status_code == 200

    @pytest.mark.parametrize("value", ["0", "-1", "x", "1.5", "²", "99999999999999999999"])
    def test_a_page_that_isnt_one(self, api: Api, mona: User, value: str) -> None:
        assert_error(api(mona).get(URL, {"page": value}), 400, "INVALID_PARAMETER", "page")

    def test_more_than_a_hundred_a_page(self, api: Api, mona: User) -> None:
        assert_error(api(mona).get(URL, {"page_size": "101"}), 400, "INVALID_PARAMETER", "page_size")

    def test_an_order_that_isnt_offered(self, api: Api, mona: User) -> None:
        assert_error(api(mona).get(URL, {"ordering": "qr_token"}), 400, "INVALID_PARAMETER", "ordering")

    def test_an_unknown_field(self, api: Api, mona: User) -> None:
        assert_error(create(api(mona), {**BODY, "colour": "red"}), 400, "UNKNOWN_FIELD", "colour")

    def test_a_field_that_cant_be_written(self, api: Api, mona: User) -> None:
        assert_error(create(api(mona), {**BODY, "id": str(uuid.uuid4())}), 400, "UNKNOWN_FIELD", "id")

    def test_a_code_in_small_letters(self, api: Api, mona: User) -> None:
        assert_error(create(api(mona), {**BODY, "equipment_code": "eq-1"}), 400, "VALIDATION_ERROR", "equipment_code")

    def test_a_duplicate_names_its_field(self, api: Api, mona: User) -> None:
        create(api(mona))

        error = assert_error(create(api(mona)), 409, "DUPLICATE", "equipment_code")

        assert error["meta"] == {"field": "equipment_code"}

    @pytest.mark.parametrize(
        "body",
        [
            b"{",
            b"\xff\xfe",
            b'{"equipment_code": NaN}',
            b'{"equipment_name": "a\\u0000b"}',
            b'{"equipment_name": "\\ud800"}',
            b"[" * 40 + b"]" * 40,
            b"[" * 100_000,
        ],
    )
    def test_json_that_isnt(self, api: Api, mona: User, body: bytes) -> None:
        response = api(mona).post(URL, data=body, content_type="application/json")

        assert_error(response, 400, "MALFORMED_JSON")

    @pytest.mark.parametrize("body", [b"[]", b"1", b'"text"', b"null", b"[{}]"])
    def test_json_that_is_no_object(self, api: Api, mona: User, body: bytes) -> None:
        response = api(mona).post(URL, data=body, content_type="application/json")

        assert_error(response, 400, "VALIDATION_ERROR")

    def test_a_body_too_large(self, api: Api, mona: User, settings: Any) -> None:
        settings.MAX_JSON_BYTES = 1000

        assert_error(create(api(mona), {**BODY, "description": "x" * 2000}), 413, "PAYLOAD_TOO_LARGE")

    def test_a_body_that_isnt_json(self, api: Api, mona: User) -> None:
        response = api(mona).post(URL, data=b"<a/>", content_type="application/xml")

        assert_error(response, 415, "UNSUPPORTED_MEDIA_TYPE")

    def test_an_address_that_isnt_there(self, client: Client) -> None:
        assert_error(client.get("/api/v1/nothing"), 404, "NOT_FOUND")

    def test_an_id_that_isnt_one(self, api: Api, mona: User) -> None:
        assert_error(api(mona).get(f"{URL}/42"), 404, "NOT_FOUND")

    def test_a_method_that_isnt_taken(self, api: Api, mona: User) -> None:
        response = api(mona).delete(URL)

        assert_error(response, 405, "METHOD_NOT_ALLOWED")
        assert "GET" in response["Allow"]

    @pytest.mark.parametrize("method", ["TRACE", "QUERY", "CREATE", "create", "DESTROY", "LIST_ANSWER", "ACT", "Ü"])
    @pytest.mark.parametrize("path", ["equipment", "dashboard/summary", "me"])
    def test_a_method_that_http_doesnt_have(self, api: Api, rita: User, method: str, path: str) -> None:
        response = api(rita).generic(method, f"/api/v1/{path}?x=1", "{}", content_type="application/json")

        assert_error(response, 405, "METHOD_NOT_ALLOWED")


class TestMethods:
    @pytest.mark.parametrize(
        ("path", "methods"), [("equipment", {"GET", "POST"}), ("auth/verify", {"POST"}), ("equipment/stats", {"GET"})]
    )
    def test_options_say_what_is_taken(self, api: Api, path: str, methods: set[str]) -> None:
        response = api(None).options(f"/api/v1/{path}")

        assert (response.status_code, response.content) == (204, b"")
        assert set(response["Allow"].split(", ")) - {"HEAD", "OPTIONS"} == methods

    @pytest.mark.parametrize("path", ["equipment?page=1&search=x", "dashboard/summary", "equipment/stats"])
    def test_head_is_get_without_a_body(self, api: Api, mona: User, path: str) -> None:
        response = api(mona).head(f"/api/v1/{path}")

        assert (response.status_code, response.content) == (200, b"")


class TestVersions:
    def test_nothing_new_is_304(self, api: Api, mona: User) -> None:
        machine = EquipmentFactory()
        tag = api(mona).get(f"{URL}/{machine.pk}")["ETag"]

        response = api(mona).get(f"{URL}/{machine.pk}", headers={"If-None-Match": tag})

        assert (response.status_code, response.content, response["ETag"]) == (304, b"", tag)

    def test_a_change_makes_a_new_tag(self, api: Api, mona: User) -> None:
        machine = EquipmentFactory()
        tag = api(mona).get(f"{URL}/{machine.pk}")["ETag"]

        changed = api(mona).put(f"{URL}/{machine.pk}", {"description": "new"}, headers={"If-Match": tag})

        assert changed.status_code == 200
        assert changed["ETag"] != tag
        assert api(mona).get(f"{URL}/{machine.pk}")["ETag"] == changed["ETag"]

    @pytest.mark.parametrize("method", ["put", "patch", "delete"])
    def test_a_stale_change_is_refused_with_what_is_stored(self, api: Api, mona: User, method: str) -> None:
        machine = EquipmentFactory()
        tag = api(mona).get(f"{URL}/{machine.pk}")["ETag"]
        api(mona).put(f"{URL}/{machine.pk}", {"description": "theirs"})

        response = getattr(api(mona), method)(f"{URL}/{machine.pk}", {"description": "mine"}, headers={"If-Match": tag})

        error = assert_error(response, 412, "PRECONDITION_FAILED")
        assert error["meta"]["current"]["description"] == "theirs"

    def test_a_stale_edit_names_the_fields_that_somebody_else_changed(self, api: Api, mona: User, adam: User) -> None:
        machine = EquipmentFactory()
        tag = api(mona).get(f"{URL}/{machine.pk}")["ETag"]
        api(adam).put(f"{URL}/{machine.pk}", {"description": "theirs", "model": "X2"})

        mine = {"description": "mine", "manufacturer": "Polaris"}
        error = assert_error(
            api(mona).put(f"{URL}/{machine.pk}", mine, headers={"If-Match": tag}), 412, "PRECONDITION_FAILED"
        )

        assert [(one["field"], one["code"]) for one in error["details"]] == [("description", "conflict")]
        assert "Adam" in error["details"][0]["message"]

    def test_an_edit_beside_somebody_elses_conflicts_in_no_field(self, api: Api, mona: User, adam: User) -> None:
        machine = EquipmentFactory()
        tag = api(mona).get(f"{URL}/{machine.pk}")["ETag"]
        api(adam).put(f"{URL}/{machine.pk}", {"model": "X2"})

        response = api(mona).put(f"{URL}/{machine.pk}", {"description": "mine"}, headers={"If-Match": tag})

        assert assert_error(response, 412, "PRECONDITION_FAILED")["details"] == []

    @pytest.mark.parametrize("tag", ['"nonsense"', '"ffffffffffffffffff-0"', '"1-0", "2-0"'])
    def test_a_tag_that_was_never_given_conflicts_in_no_field(self, api: Api, mona: User, tag: str) -> None:
        machine = EquipmentFactory()

        response = api(mona).put(f"{URL}/{machine.pk}", {"description": "mine"}, headers={"If-Match": tag})

        assert assert_error(response, 412, "PRECONDITION_FAILED")["details"] == []


class TestRetries:
    def test_a_retry_gets_the_first_answer(self, api: Api, mona: User) -> None:
        first = create(api(mona), **{"Idempotency-Key": "abc"})
        second = create(api(mona), **{"Idempotency-Key": "abc"})

        assert (second.status_code, second.content) == (201, first.content)
        assert second["Idempotency-Replayed"] == "true"
        assert second["Location"] == first["Location"]
        assert Equipment.objects.count() == 1

    @pytest.mark.parametrize("method", ["put", "patch"])
    def test_a_retried_edit_isnt_stale(self, api: Api, mona: User, method: str) -> None:
        machine = EquipmentFactory()
        tag = api(mona).get(f"{URL}/{machine.pk}")["ETag"]
        headers = {"If-Match": tag, "Idempotency-Key": "abc"}

        first, second = (
            getattr(api(mona), method)(f"{URL}/{machine.pk}", {"description": "mine"}, headers=headers)
            for _ in range(2)
        )

        assert (second.status_code, second.content) == (200, first.content)
        assert second["ETag"] == first["ETag"]

    def test_a_retried_deletion_is_no_404(self, api: Api, mona: User) -> None:
        machine = EquipmentFactory()

        answers = [
            api(mona).delete(f"{URL}/{machine.pk}", headers={"Idempotency-Key": "abc"}).status_code for _ in range(2)
        ]

        assert answers == [204, 204]

    def test_a_refusal_is_replayed_too(self, api: Api, mona: User) -> None:
        bad = {**BODY, "equipment_code": "eq-1"}

        first = create(api(mona), bad, **{"Idempotency-Key": "abc"})
        second = create(api(mona), bad, **{"Idempotency-Key": "abc"})

        assert (second.status_code, second.content) == (400, first.content)

    def test_another_body_under_the_same_key(self, api: Api, mona: User) -> None:
        create(api(mona), **{"Idempotency-Key": "abc"})

        response = create(api(mona), {**BODY, "equipment_code": "CH-2"}, **{"Idempotency-Key": "abc"})

        assert_error(response, 422, "IDEMPOTENCY_KEY_REUSED")

    def test_keys_belong_to_people(self, api: Api, mona: User, adam: User) -> None:
        create(api(mona), **{"Idempotency-Key": "abc"})

        response = create(api(adam), {**BODY, "equipment_code": "CH-2"}, **{"Idempotency-Key": "abc"})

        assert response.status_code == 201

    @pytest.mark.parametrize("key", ["", "x" * 256, "ä"])
    def test_a_key_that_isnt_one(self, api: Api, mona: User, key: str) -> None:
        assert_error(create(api(mona), **{"Idempotency-Key": key}), 400, "IDEMPOTENCY_KEY_INVALID")

    def test_a_crash_releases_the_key(self, api: Api, mona: User, settings: Any) -> None:
        client = APIClient(raise_request_exception=False)
        client.force_authenticate(mona)
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE equipment RENAME TO gone")
            crashed = create(client, **{"Idempotency-Key": "abc"})
            cursor.execute("ALTER TABLE gone RENAME TO equipment")

        again = create(client, **{"Idempotency-Key": "abc"})

        assert_error(crashed, 500, "INTERNAL_ERROR")
        assert again.status_code == 201


@pytest.mark.django_db(transaction=True)
def test_twenty_equal_requests_at_once_make_one_machine(mona: User) -> None:
    answers: list[int] = []

    def post() -> None:
        client = APIClient()
        client.force_authenticate(mona)
        answers.append(create(client, **{"Idempotency-Key": "abc"}).status_code)
        connection.close()

    threads = [threading.Thread(target=post) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert set(answers) <= {201, 409}
    assert 201 in answers
    assert Equipment.objects.count() == 1
    assert IdempotencyRecord.objects.count() == 1


class TestRateLimit:
    @pytest.fixture(autouse=True)
    def three_a_minute(self, settings: Any, clean_redis: Any) -> None:
        settings.RATE_LIMIT_PER_MINUTE = settings.RATE_LIMIT_ANONYMOUS_PER_MINUTE = 3

    def test_the_fourth_is_told_to_wait(self, api: Api, mona: User) -> None:
        answers = [api(mona).get(URL) for _ in range(4)]

        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert answers[0]["RateLimit"].startswith('"default";r=2;')
        assert answers[0]["RateLimit-Policy"] == '"default";q=3;w=60'
        assert 1 <= int(answers[3]["Retry-After"]) <= 20
        assert_error(answers[3], 429, "RATE_LIMITED")

    def test_everybody_has_their_own(self, api: Api, mona: User, rita: User) -> None:
        for _ in range(4):
            api(mona).get(URL)

        assert api(rita).get(URL).status_code == 200

    def test_wrong_tokens_are_limited_by_address(self, client: Client) -> None:
        answers = [client.get(URL, headers={"Authorization": "Bearer frt_wrong"}).status_code for _ in range(4)]

        assert answers == [401, 401, 401, 429]

    def test_nobody_is_limited_while_redis_is_down(self, api: Api, mona: User, settings: Any) -> None:
        settings.REDIS_URL = "redis://127.0.0.1:1/0"
        caches = (ratelimit.connection, ratelimit.script)
        for cached in caches:
            cached.cache_clear()
        try:
            answers = [api(mona).get(URL).status_code for _ in range(5)]
        finally:
            for cached in caches:
                cached.cache_clear()
            ratelimit._paused_until = 0

        assert answers == [200] * 5


class TestTraces:
    def test_the_callers_request_id_comes_back_and_is_in_the_audit(self, api: Api, mona: User) -> None:
        response = create(api(mona), **{"X-Request-ID": "phone-1"})

        row = AuditLog.objects.get(entity_type="equipment")
        assert response["X-Request-ID"] == "phone-1"
        assert (row.request_id, row.actor_id, row.source) == ("phone-1", mona.pk, "API")

    def test_a_strange_request_id_is_replaced(self, api: Api, mona: User) -> None:
        response = api(mona).get(URL, headers={"X-Request-ID": "<script>"})

        assert "<" not in response["X-Request-ID"]

    def test_a_token_that_only_reads_changes_nothing(self, client: Client, mona: User) -> None:
        _token, plain = ApiToken.issue(user=mona, name="Dashboard", scopes=["READ"])
        headers = {"Authorization": f"Bearer {plain}"}

        read = client.get(URL, headers=headers)
        written = client.post(URL, BODY, content_type="application/json", headers=headers)

        assert read.status_code == 200
        assert_error(written, 403, "PERMISSION_DENIED")
