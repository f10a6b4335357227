"""The OpenAPI document says what is true, and the whole of it."""

from typing import Any

import pytest
from drf_spectacular.generators import SchemaGenerator


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    found: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return found


class TestMoves:
    def test_a_move_says_what_it_takes(self, document: dict[str, Any]) -> None:
        resolve = document["paths"]["/api/v1/alerts/{id}/resolve"]["post"]

        body = resolve["requestBody"]["content"]["application/json"]["schema"]

        assert body == {"$ref": "#/components/schemas/ResolveRequest"}

    def test_a_move_without_a_body_says_none(self, document: dict[str, Any]) -> None:
        assert "requestBody" not in document["paths"]["/api/v1/equipment/{id}/qr-code/rotate"]["post"]


class TestParameters:
    def test_what_comes_in_pages_takes_the_next_one(self, document: dict[str, Any]) -> None:
        lists = {
            path: {one["name"] for one in methods["get"].get("parameters", [])}
            for path, methods in document["paths"].items()
            if "List" in str(methods.get("get", {}).get("responses", {}).get("200"))
        }

        assert lists
        assert [path for path, names in lists.items() if not names & {"page", "cursor"}] == []

    def test_what_is_refused_when_empty_says_so(self, document: dict[str, Any]) -> None:
        parameters = {one["name"]: one["schema"] for one in document["paths"]["/api/v1/equipment"]["get"]["parameters"]}

        assert parameters["manufacturer"] == {"type": "string", "minLength": 1}
        assert parameters["status"]["minItems"] == 1
        assert "minLength" not in parameters["search"]


class TestHeaders:
    def test_an_answer_tells_its_headers(self, document: dict[str, Any]) -> None:
        created = document["paths"]["/api/v1/equipment"]["post"]["responses"]["201"]["headers"]

        assert set(created) == {"X-Request-ID", "RateLimit", "RateLimit-Policy", "Location", "ETag"}
        assert document["components"]["headers"]["Location"]["required"] is True

    def test_an_error_is_described_once(self, document: dict[str, Any]) -> None:
        errors = {
            response["$ref"]
            for methods in document["paths"].values()
            for operation in methods.values()
            for code, response in operation["responses"].items()
            if code == "429"
        }

        assert errors == {"#/components/responses/Error429"}
        assert set(document["components"]["responses"]["Error429"]["content"]) == {
            "application/json",
            "application/problem+json",
        }
