"""The words beside the code: README, docs/ and .env.example say nothing that isn't there, and leave nothing out."""

import re
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import get_commands
from django.urls import Resolver404, get_resolver, resolve

from aiassist.answer import ReviewReason
from aiassist.errors import NotAsked
from aiassist.pipeline import INVALID_ANSWER
from aiassist.providers.base import ProviderFailed
from aiassist.providers.registry import declared
from faultreporter.api.exceptions import CODES
from faultreporter.api.middleware import ApiErrorMiddleware
from faultreporter.api.schema import all_codes
from faultreporter.errors import DomainError
from faultreporter.settings import BASE_DIR, INSECURE_SECRET_KEY, Environment, refuse_unsafe_production
from faultreporter.tests.documentation import (
    CONFIGURATION,
    DOCS,
    WEBHOOKS,
    configuration_page,
    documented_variables,
    webhooks_page,
)
from faultreporter.tests.running import RunningStack
from telemetry.intake.refusals import Refused

README = BASE_DIR / "README.md"
PAGES = [README, *sorted(DOCS.glob("*.md"))]
BY_NAME = [page.name for page in PAGES]
LOST = "WORKER_LOST"
"""How an analysis ends that killed its workers; it is no class's code."""

FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?P<markdown>[^)\s]+)\)|(?:src|href)=\"(?P<html>[^\"]+)\"")
SCHEDULED = re.compile(r"^\| (?P<name>[a-z ]+) \| `(?P<task>[\w.]+)` \| (?P<when>.+) \|$", re.MULTILINE)


def text_of(name: str) -> str:
    return (DOCS / name).read_text()


def descendants(kind: type[Any]) -> set[type[Any]]:
    return {kind}.union(*(descendants(child) for child in kind.__subclasses__()))


def anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def codes_in_table_after(sentence: str) -> set[str]:
    table = text_of("errors.md").partition(sentence)[2].partition("\n\n")[2].partition("\n\n")[0]
    return set(re.findall(r"^\| `(\w+)`", table, re.MULTILINE))


class TestErrors:
    """docs/errors.md."""

    def test_every_code_has_its_paragraph_and_no_other(self) -> None:
        get_resolver().url_patterns  # noqa: B018 - imports every viewset, and so every error

        described = re.findall(r"^### (\w+)\n\n[^\s#]", text_of("errors.md"), re.MULTILINE)

        assert len(described) == len(set(described))
        assert set(described) == all_codes() | set(CODES.values()) | set(ApiErrorMiddleware.CODES.values())

    def test_every_code_stands_below_its_status(self) -> None:
        get_resolver().url_patterns  # noqa: B018 - as above
        statuses = {(kind.code, kind.http_status) for kind in descendants(DomainError)}
        statuses |= {(code, kind.status_code) for kind, code in CODES.items()}

        sections = re.split(r"^## (?=\d)", text_of("errors.md"), flags=re.MULTILINE)[1:]
        codes = {int(text[:3]): re.findall(r"^### (\w+)", text, re.MULTILINE) for text in sections}
        described = {(code, status) for status, below in codes.items() for code in below}

        assert statuses <= described

    def test_why_a_reading_is_rejected(self) -> None:
        assert codes_in_table_after("A rejected reading") == {reason.value for reason in Refused}

    def test_why_an_analysis_fails(self) -> None:
        codes = {kind.code for kind in (*descendants(ProviderFailed), *descendants(NotAsked)) if kind.code}
        codes |= {INVALID_ANSWER, LOST}

        assert codes_in_table_after("A failed analysis") == codes

    def test_why_somebody_should_look_at_an_analysis(self) -> None:
        assert codes_in_table_after("An analysis somebody should look at") == {reason.value for reason in ReviewReason}


class TestConfiguration:
    def test_every_variable_is_in_the_example_with_its_meaning(self) -> None:
        meanings = {variable.name: variable.meaning for variable in documented_variables()}

        assert set(Environment.model_fields) <= set(meanings)
        assert [name for name, meaning in meanings.items() if not meaning] == []

    def test_every_provider_of_the_assistant_is_there_with_its_defaults(self) -> None:
        written = {variable.name: variable.default for variable in documented_variables()}

        for name, provider in declared().items():
            assert written[f"{name}_API_KEY"] == ""
            assert (written[f"{name}_MODEL"], written[f"{name}_BASE_URL"]) == (provider.model, provider.base_url)

    def test_the_page_is_what_the_example_and_the_code_say(self) -> None:
        """Otherwise run `.venv/bin/python -m faultreporter.tests.documentation`."""
        assert CONFIGURATION.read_text() == configuration_page()

    def test_the_readme_names_no_variable_that_isnt_there(self) -> None:
        known = {variable.name for variable in documented_variables()}

        cells = re.findall(r"^\| (`[A-Z][^|]+) \|", README.read_text(), re.MULTILINE)
        named = {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}

        assert named
        assert named <= known


class TestWebhooks:
    """docs/webhooks.md."""

    def test_every_event_is_there_and_none_is_invented(self) -> None:
        """Otherwise run `.venv/bin/python -m faultreporter.tests.documentation`."""
        assert WEBHOOKS.read_text() == webhooks_page()


class TestOperations:
    """docs/operations.md."""

    def test_every_reason_why_production_does_not_start(self) -> None:
        wrong = {
            "ENVIRONMENT": "production", "DEBUG": True, "SECRET_KEY": INSECURE_SECRET_KEY, "ALLOWED_HOSTS": ["*"],
            "FIREBASE_AUTH_EMULATOR_HOST": "127.0.0.1:9099", "EMBEDDED_SERVERS": True, "WEBHOOK_ALLOW_PRIVATE": True,
        }  # fmt: skip
        with pytest.raises(ImproperlyConfigured) as refusal:
            refuse_unsafe_production(Environment.model_construct(**wrong))

        sentences = re.split(r"(?<=\.) (?=[A-Z])", str(refusal.value))[1:]

        described = re.findall(r"^- (.+)$", text_of("operations.md").replace("\n  ", " "), re.MULTILINE)
        assert sentences == described

    def test_what_beat_does_and_when(self) -> None:
        described = {
            match["name"]: (match["task"], match["when"]) for match in SCHEDULED.finditer(text_of("operations.md"))
        }

        entries = settings.CELERY_BEAT_SCHEDULE.items()

        assert described == {name: (entry["task"], in_words(entry["schedule"])) for name, entry in entries}


def in_words(schedule: Any) -> str:
    if isinstance(schedule, timedelta):
        return f"every {schedule.total_seconds():.0f} s"
    parts = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")
    return f"`{' '.join(str(getattr(schedule, f'_orig_{part}')) for part in parts)}`"


class TestPages:
    def test_the_readme_is_short(self) -> None:
        assert len(README.read_text().splitlines()) <= 200

    @pytest.mark.parametrize("page", PAGES, ids=BY_NAME)
    def test_links_lead_somewhere(self, page: Path) -> None:
        broken = []
        for found in LINK.finditer(FENCE.sub("", page.read_text())):
            link = urlsplit(found["markdown"] or found["html"])
            target = page.parent / link.path if link.path else page
            if link.scheme:
                continue
            if not target.exists() or (link.fragment and link.fragment not in anchors(target)):
                broken.append(link.geturl())

        assert broken == []

    @pytest.mark.parametrize("page", PAGES, ids=BY_NAME)
    def test_commands_exist(self, page: Path) -> None:
        targets = set(re.findall(r"^([a-z-]+):", (BASE_DIR / "Makefile").read_text(), re.MULTILINE))

        made = set(re.findall(r"(?:`|^)make ([a-z][a-z-]*)", page.read_text(), re.MULTILINE))
        managed = set(re.findall(r"manage\.py ([a-z_]+)", page.read_text()))

        assert made <= targets
        assert managed <= set(get_commands())

    @pytest.mark.parametrize("page", PAGES, ids=BY_NAME)
    def test_files_exist(self, page: Path) -> None:
        folders = {path.name for path in BASE_DIR.iterdir() if path.is_dir() and not path.name.startswith(".")}
        named = {Path(text) for text in re.findall(r"`([\w./-]+)`", page.read_text())}

        ours = {path for path in named if {*path.parts[:1]} & folders or path.suffix in {".py", ".yml", ".toml"}}

        assert {str(path) for path in ours if not (BASE_DIR / path).exists()} == set()

    @pytest.mark.parametrize("page", PAGES, ids=BY_NAME)
    def test_addresses_exist(self, page: Path) -> None:
        some_id = "00000000-0000-7000-8000-000000000000"
        paths = {urlsplit(path).path for path in re.findall(r"\$API(/[^\s\"'`]+)", page.read_text())}
        paths |= set(re.findall(r"`(?:GET|POST|PUT|PATCH|DELETE) (?:/api/v1)?(/[^\s`?]+)", page.read_text()))

        unknown = [path for path in paths if not is_address(re.sub(r"\$\w+|\$\(.*|\{id\}", some_id, path))]

        assert unknown == []


def is_address(path: str) -> bool:
    try:
        resolve(f"/api/v1{path}")
    except Resolver404:
        return False
    return True


@pytest.mark.stack
@pytest.mark.xdist_group("stack")
@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not on this machine")
def test_the_api_guide_prints_what_it_says(stack: RunningStack, tmp_path: Path) -> None:
    (tmp_path / ".local").symlink_to(stack.state)
    blocks = list(FENCE.finditer(text_of("api-guide.md")))
    script = "".join(block["text"] for block in blocks if block["language"] == "sh")

    shell = ["bash", "-euo", "pipefail", "-c", script]
    done = subprocess.run(shell, cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    printed = iter(done.stdout.splitlines())
    for number, block in enumerate(blocks):
        if not block["language"] and blocks[number - 1]["language"] == "sh":
            for line in block["text"].splitlines():
                pattern = re.escape(line).replace("…", ".*")
                assert any(re.fullmatch(pattern, told) for told in printed), f"never printed: {line}\n{done.stdout}"
