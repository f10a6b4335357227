"""Are the models we ask still offered, by the providers' own lists, and do we know what they cost?"""

from collections.abc import Iterator
from datetime import date, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from aiassist.health import provider_states
from aiassist.models import ModelCheck, ModelPrice
from aiassist.tasks import check_models
from aiassist.tests import provider_server as script
from aiassist.tests.provider_cases import KEY, MODEL, PROTOCOLS, options
from aiassist.tests.provider_server import ProviderServer

pytestmark = pytest.mark.django_db
TODAY = date.today


@pytest.fixture
def server() -> Iterator[ProviderServer]:
    server = ProviderServer()
    yield server
    server.stop()


@pytest.fixture(params=PROTOCOLS)
def name(request: Any, server: ProviderServer, settings: Any) -> str:
    """Each of the providers in turn, alone with a key here, its price known and checked."""
    chosen = str(request.param)
    settings.AI_PROVIDERS = {chosen: options(server, chosen)}
    ModelPrice.objects.create(
        provider=chosen, model_name=MODEL, valid_from=date(2026, 1, 1), input_micro_usd=1, output_micro_usd=1,
        source="Our contract",
    )  # fmt: skip
    return chosen


@pytest.fixture
def openai(server: ProviderServer, settings: Any) -> str:
    settings.AI_PROVIDERS = {"OPENAI": options(server, "OPENAI")}
    return "OPENAI"


def listed(name: str, model: str = MODEL, **fields: Any) -> dict[str, Any]:
    if PROTOCOLS[name] == "gemini":
        return {"name": f"models/{model}", "displayName": model, **fields}
    return {"id": model, "object": "model", "created": 1, "owned_by": "x", **fields}


def said(**how: Any) -> str:
    out = StringIO()
    call_command("check_ai_models", stdout=out, stderr=out, **how)
    return out.getvalue()


def warning_shown(name: str) -> str:
    return {state.name: state.warning for state in provider_states(at=timezone.now())}[name]


def test_a_model_in_the_list_is_well(server: ProviderServer, name: str) -> None:
    server.list_behaviour = script.models(listed(name, "other"), listed(name))

    assert said() == f"{name} {MODEL}: all well.\n"
    assert ModelCheck.objects.get().is_offered
    assert warning_shown(name) == ""


def test_an_alias_that_no_list_has_is_asked_for_by_its_name(server: ProviderServer, name: str) -> None:
    server.list_behaviour = script.models(listed(name, "other"), unlisted=[listed(name)])

    assert said() == f"{name} {MODEL}: all well.\n"


def test_a_model_that_is_gone_ends_with_1_and_names_what_is_alike(server: ProviderServer, name: str) -> None:
    server.list_behaviour = script.models(listed(name, "model-2"), listed(name, "zebra"))

    with pytest.raises(CommandError, match=f"No longer offered: {MODEL}"):
        said()

    words = f"The provider does not offer {MODEL} any more. Choose another model with {name}_MODEL."
    assert warning_shown(name) == f"{words} Similar names in its list: model-2."


def test_an_announced_end_is_a_warning_until_its_day(server: ProviderServer, openai: str) -> None:
    ends = TODAY() + timedelta(days=30)
    server.list_behaviour = script.models(listed(openai, shutdown_date=ends.isoformat()))

    assert f"{MODEL} ends on {ends}. Choose another model with OPENAI_MODEL before then." in said()

    server.list_behaviour = script.models(listed(openai, shutdown_date="2026-01-01"))
    with pytest.raises(CommandError, match="No longer offered"):
        said()


def test_where_there_is_no_date_the_description_is_told_on(server: ProviderServer, settings: Any) -> None:
    settings.AI_PROVIDERS = {"GEMINI": options(server, "GEMINI")}
    words = "Deprecated: use model-2."
    server.list_behaviour = script.models(listed("GEMINI", description=words))

    assert f"The provider says that {MODEL} will end: {words}" in said()


@pytest.mark.parametrize("nonsense", ["soon", 5, None, {}])
def test_a_date_that_is_none_is_no_date(server: ProviderServer, openai: str, nonsense: Any) -> None:
    server.list_behaviour = script.models(listed(openai, shutdown_date=nonsense))

    said()

    assert ModelCheck.objects.get().retires_on is None


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        (script.status(401), "the provider answered 401"),
        (script.status(503), "the provider answered 503"),
        (script.silent, "no answer within the deadline"),
        (script.dripping, "no answer within the deadline"),
        (script.garbage, ""),
        (script.reset, "the call failed"),
    ],
)
def test_a_list_that_cannot_be_read_is_said_and_forgets_nothing(
    server: ProviderServer, name: str, behaviour: Any, reason: str
) -> None:
    ModelCheck.objects.create(provider=name, model_name=MODEL, is_offered=False, checked_at=timezone.now())
    server.list_behaviour = behaviour

    words = said(timeout=1.0)

    assert "Its list of models could not be read: " in words
    assert reason in words
    assert KEY not in words
    assert not ModelCheck.objects.get().is_offered


def test_a_model_without_a_price_or_with_one_nobody_checked(server: ProviderServer, openai: str) -> None:
    server.list_behaviour = script.models(listed(openai))

    assert f"There is no price for {MODEL}, so what it costs stays unknown." in said()

    ModelPrice.objects.create(
        provider=openai, model_name=MODEL, valid_from=date(2026, 1, 1), input_micro_usd=1, output_micro_usd=1,
        source="To be checked: second-hand",
    )  # fmt: skip
    assert "nobody has compared it with the provider's" in said()


def test_without_keys_nobody_is_asked(server: ProviderServer, settings: Any) -> None:
    settings.AI_PROVIDERS = {}

    assert said() == "No AI provider has a key here; the rule book needs no model.\n"
    assert server.requests == []


def test_a_name_in_the_order_that_nobody_is_called_is_said(settings: Any) -> None:
    settings.AI_PROVIDERS, settings.AI_PROVIDER_ORDER = {}, ["OPENIA"]

    assert "AI_PROVIDER_ORDER names OPENIA, and no provider is called so." in said()


def test_the_daily_look_logs_what_needs_attention(
    server: ProviderServer, openai: str, caplog: pytest.LogCaptureFixture
) -> None:
    server.list_behaviour = script.models(listed(openai, "other"))

    assert check_models() == 1

    assert "ai_model_needs_attention" in caplog.text
    assert "does not offer" in warning_shown(openai)
