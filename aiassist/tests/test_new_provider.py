"""Adding a provider is adding one file: here a parrot's, in a directory of its own beside the package's."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aiassist import pipeline, providers
from aiassist.providers import registry
from aiassist.providers.client import Declaration
from aiassist.providers.openai import OpenAiClient
from aiassist.tests.answers import text
from aiassist.tests.factories import make_analysis
from faultreporter.settings import BASE_DIR

PARROT = f"""
import io
from aiassist.providers.base import ListedModel, Reply
from aiassist.providers.client import Client, Declaration

class ParrotClient(Client):
    def connect(self, timeout_s):
        return io.StringIO()

    def send(self, sdk, prompt):
        assert prompt.text.startswith("<facts>")
        return Reply({text(issues=[])!r}, input_tokens=1, output_tokens=2)

    def failure(self, error):
        return None

    def listed(self, sdk):
        return [ListedModel("macaw-1")]

    def named(self, sdk):
        return ListedModel(self.model_name)

PROVIDER = Declaration(
    name="PARROT", label="A parrot", client=ParrotClient, model="macaw-1", base_url="https://parrot.invalid"
)
"""
FRESH_PROCESS = """
import json, sys, django
import aiassist.providers
aiassist.providers.__path__.append(sys.argv[1])
django.setup()
from aiassist.providers import registry
from aiassist.serializers import AnalyzeFaultSerializer
parrot = registry.client("PARROT")
print(json.dumps({
    "choices": list(AnalyzeFaultSerializer().fields["provider"].choices.items()),
    "options": [parrot.api_key, parrot.model_name, parrot.base_url],
    "order": [provider.name for provider in registry.to_ask("AUTO")],
}, default=str))
"""


@pytest.fixture
def parrot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[Path]:
    (tmp_path / "parrot.py").write_text(PARROT)
    monkeypatch.setattr(providers, "__path__", [*providers.__path__, str(tmp_path)])
    settings.AI_PROVIDERS = {"PARROT": {"api_key": "seed"}}
    settings.AI_PROVIDER_ORDER = ["PARROT"]
    registry.declared.cache_clear()
    yield tmp_path
    registry.declared.cache_clear()
    sys.modules.pop("aiassist.providers.parrot", None)


@pytest.mark.django_db
@pytest.mark.parametrize("asked", ["AUTO", "PARROT"])
def test_a_new_file_is_asked_and_its_answer_is_kept_like_any_other(parrot: Path, asked: str) -> None:
    analysis = make_analysis(provider=asked)

    pipeline.run(analysis.pk)

    analysis.refresh_from_db()
    assert (analysis.status, analysis.provider, analysis.model_name) == ("SUCCEEDED", "PARROT", "macaw-1")
    assert analysis.provider_label == "A parrot"


def test_callers_may_ask_for_it_and_the_environment_configures_it(tmp_path: Path) -> None:
    (tmp_path / "parrot.py").write_text(PARROT)
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "faultreporter.settings",
        "AI_PROVIDER_ORDER": '["PARROT","OPENAI"]',
        "PARROT_API_KEY": "seed",
        "PARROT_MODEL": "macaw-2",
        "PARROT_BASE_URL": "",
    }

    told = subprocess.run(
        [sys.executable, "-c", FRESH_PROCESS, str(tmp_path)],
        cwd=BASE_DIR, env=environment, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip

    said = json.loads(told.stdout)
    assert ["PARROT", "A parrot"] in said["choices"]
    assert {"AUTO", "RULEBOOK", "OPENAI"} < {name for name, _ in said["choices"]}
    assert said["options"] == ["seed", "macaw-2", "https://parrot.invalid"]
    assert said["order"] == ["PARROT", "RULEBOOK"]


def test_one_that_nobody_declares_any_more_keeps_the_name_it_was_stored_under() -> None:
    assert registry.label("LYNX") == "LYNX"


@pytest.mark.parametrize("name", ["", "x", "lower", "TWO WORDS", "X" * 31])
def test_a_name_must_fit_into_the_environment(name: str) -> None:
    with pytest.raises(ValueError, match="provider's name"):
        Declaration(name=name, label="", client=OpenAiClient, model="", base_url="")
