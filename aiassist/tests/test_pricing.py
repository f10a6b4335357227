"""What a call costs, to the micro-dollar, and which price holds on a day."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from hypothesis import given
from hypothesis import strategies as st

from aiassist.models import ModelPrice
from aiassist.price_list import listed_prices, micro_usd
from aiassist.pricing import Rates, cost_micro_usd
from aiassist.providers.base import Reply
from aiassist.providers.registry import declared

TOKENS = st.integers(0, 2_000_000_000)
PRICE = st.integers(0, 1_000_000_000)
RATES = st.builds(Rates, input=PRICE, cached=st.none() | PRICE, output=PRICE)
LUNA = Rates(input=100_000, cached=10_000, output=500_000)


def cost(rates: Rates, input_tokens: int | None, cached: int | None, output: int | None) -> int | None:
    return cost_micro_usd(rates, input_tokens=input_tokens, cached_tokens=cached, output_tokens=output)


def make_price(**fields: Any) -> ModelPrice:
    usual = {"provider": "OPENAI", "model_name": "gpt-6-luna", "input_micro_usd": 100_000, "output_micro_usd": 500_000}
    return ModelPrice.objects.create(**{"valid_from": date(2026, 1, 1), **usual, **fields})


def test_it_works() -> None:
    """10,000 input tokens, 2,000 of them stored, and 1,000 output tokens: 800 + 20 + 500 micro-USD."""
    assert cost(LUNA, 10_000, 2_000, 1_000) == 1_320


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [((4, None, 0), 0), ((5, None, 0), 1), ((14, None, 0), 1), ((15, None, 0), 2), ((0, 0, 0), 0), ((0, None, 1), 1)],
)
def test_half_a_micro_dollar_is_rounded_up(tokens: Any, expected: int) -> None:
    assert cost(LUNA, *tokens) == expected


@pytest.mark.parametrize("tokens", [(None, None, 5), (5, None, None), (None, 5, None)])
def test_what_was_not_counted_has_no_cost(tokens: Any) -> None:
    assert cost(LUNA, *tokens) is None


@given(RATES, TOKENS, st.none() | TOKENS, TOKENS)
def test_it_is_what_exact_decimals_say(rates: Rates, taken: int, cached: int | None, written: int) -> None:
    stored = Decimal(min(cached or 0, taken))
    cached_price = rates.input if rates.cached is None else rates.cached
    exact = ((taken - stored) * rates.input + stored * cached_price + Decimal(written) * rates.output) / 1_000_000

    assert cost(rates, taken, cached, written) == int(exact.quantize(Decimal(1), ROUND_HALF_UP))


@given(RATES, TOKENS, TOKENS, TOKENS, TOKENS)
def test_more_tokens_never_cost_less(rates: Rates, taken: int, written: int, more: int, cached: int) -> None:
    before = cost(rates, taken, 0, written)

    assert before is not None
    assert 0 <= before <= (cost(rates, taken + more, 0, written) or 0)
    assert before <= (cost(rates, taken, 0, written + more) or 0)


@given(RATES, TOKENS, TOKENS, TOKENS)
def test_a_stored_token_costs_what_the_list_says(rates: Rates, taken: int, cached: int, written: int) -> None:
    plain, stored = cost(rates, taken, 0, written), cost(rates, taken, cached, written)

    assert plain is not None
    assert stored is not None
    if rates.cached is None:
        assert stored == plain
    else:
        assert (stored <= plain) if rates.cached <= rates.input else (stored >= plain)


@given(RATES, st.lists(st.tuples(TOKENS, TOKENS), min_size=1, max_size=20))
def test_a_bill_of_many_calls_is_off_by_half_a_micro_dollar_each_at_most(rates: Rates, calls: Any) -> None:
    each = sum(cost(rates, taken, None, written) or 0 for taken, written in calls)
    exact = Decimal(sum(taken * rates.input + written * rates.output for taken, written in calls)) / 1_000_000

    assert abs(each - exact) <= Decimal(len(calls)) / 2


@pytest.mark.django_db
def test_the_price_of_a_call_is_the_one_of_its_day() -> None:
    first, second = make_price(), make_price(valid_from=date(2026, 6, 1), input_micro_usd=50_000)
    make_price(model_name="gpt-6-sol", valid_from=date(2026, 5, 1))

    def at(moment: datetime) -> ModelPrice | None:
        return ModelPrice.objects.at("OPENAI", "gpt-6-luna", moment)

    midnight = datetime(2026, 6, 1, tzinfo=UTC)
    assert at(midnight) == second
    assert at(midnight - timedelta(microseconds=1)) == first
    assert at(midnight.astimezone(timezone(timedelta(hours=-5)))) == second  # where it is still May
    assert at(datetime(2025, 12, 31, tzinfo=UTC)) is None
    assert ModelPrice.objects.at("GROK", "gpt-6-luna", midnight) is None


@pytest.mark.django_db
def test_a_price_knows_the_cost_of_a_reply() -> None:
    price = make_price(cached_micro_usd=10_000)

    assert price.cost_of(Reply("", 10_000, 2_000, 1_000)) == 1_320
    assert price.cost_of(Reply("")) is None


@pytest.mark.django_db
def test_the_prices_to_begin_with_are_added_once_and_own_ones_stay() -> None:
    own = make_price(valid_from=date(2026, 9, 22), input_micro_usd=1, source="Our contract")
    out = StringIO()

    call_command("load_ai_prices", stdout=out)
    call_command("load_ai_prices", stdout=out)

    own.refresh_from_db()
    assert own.input_micro_usd == 1
    assert ModelPrice.objects.count() == len(listed_prices())
    assert "Added 3 prices." in out.getvalue()
    assert "Added 0 prices." in out.getvalue()
    assert "Compare them before you rely on a cost" in out.getvalue()


def test_what_we_ship_pretends_nothing_and_covers_the_models_we_ask_by_default() -> None:
    prices = listed_prices()

    for price in prices:
        price.full_clean(exclude=["id"], validate_unique=False, validate_constraints=False)
        assert price.is_to_be_checked
    assert {(name, one.model) for name, one in declared().items()} <= {(p.provider, p.model_name) for p in prices}


@pytest.mark.parametrize(("dollars", "micro"), [("1.25", 1_250_000), ("0.075", 75_000), ("10", 10_000_000)])
def test_dollars_are_read_exactly(dollars: str, micro: int) -> None:
    assert micro_usd(dollars) == micro
