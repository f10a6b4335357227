"""The OpenAPI document says what is true, and the whole of it."""

import os
import subprocess
import sys
from typing import Any

import pytest
from drf_spectacular.generators import SchemaGenerator

from faultreporter.localstack.environment import CHECKOUT


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


FOUR_AT_ONCE = """
import sys, threading
import django
django.setup()
from faultreporter.api import docs

sys.setswitchinterval(1e-5)
together, answers = threading.Barrier(4), []

def ask():
    together.wait()
    answers.append(docs.document())

threads = [threading.Thread(target=ask) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(len(answers), len(set(answers)))
"""


class TestServing:
    def test_a_new_process_answers_all_who_ask_at_once(self) -> None:
        environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "faultreporter.settings"}

        run = subprocess.run(
            [sys.executable, "-c", FOUR_AT_ONCE],
            cwd=CHECKOUT,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )

        assert run.stdout.split() == ["4", "1"], run.stderr
