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
        assert "requestBody" not in document["paths"]["/api/v1/work-orders/{id}/resume"]["post"]


class TestParameters:
    def test_what_is_refused_when_empty_says_so(self, document: dict[str, Any]) -> None:
        parameters = {one["name"]: one["schema"] for one in document["paths"]["/api/v1/equipment"]["get"]["parameters"]}

        assert parameters["manufacturer"] == {"type": "string", "minLength": 1}
        assert parameters["status"]["minItems"] == 1
        assert "minLength" not in parameters["search"]
