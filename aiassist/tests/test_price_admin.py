"""Prices in the back office: typed in dollars, dated, and fixed once a call was reckoned with them."""

from datetime import date
from typing import Any

import pytest
from django.utils import timezone

from aiassist.admin.money import usd
from aiassist.models import AnalysisAttempt, ModelPrice
from aiassist.tests.factories import make_analysis
from faultreporter.accounts.models import User

pytestmark = pytest.mark.django_db
URL = "/admin/aiassist/modelprice/"
TYPED = {
    "provider": "OPENAI", "model_name": "gpt-test", "valid_from": "2026-02-01", "input_micro_usd": "1.25",
    "cached_micro_usd": "", "output_micro_usd": "10",
}  # fmt: skip


@pytest.fixture
def browser(backoffice: Any, mona: User) -> Any:
    return backoffice(mona)


def price(**fields: Any) -> ModelPrice:
    known = {"provider": "OPENAI", "model_name": "gpt-test", "valid_from": date(2026, 1, 1)}
    return ModelPrice.objects.create(**{**known, "input_micro_usd": 1, "output_micro_usd": 2, **fields})


def used(price: ModelPrice) -> ModelPrice:
    now = timezone.now()
    AnalysisAttempt.objects.create(
        analysis=make_analysis(), number=1, provider="OPENAI", outcome="ANSWERED", started_at=now, finished_at=now,
        price=price,
    )  # fmt: skip
    return price


def test_a_price_is_typed_in_dollars_and_kept_exactly(browser: Any) -> None:
    browser.post(f"{URL}add/", TYPED)

    made = ModelPrice.objects.get(model_name="gpt-test")
    assert (made.input_micro_usd, made.cached_micro_usd, made.output_micro_usd) == (1_250_000, None, 10_000_000)
    assert 'value="1.25"' in browser.get(f"{URL}{made.pk}/change/").content.decode()


def test_a_second_price_of_the_same_day_is_refused_in_words(browser: Any) -> None:
    price(valid_from=date(2026, 2, 1))

    form = browser.post(f"{URL}add/", TYPED).context["adminform"].form

    assert ModelPrice.objects.filter(model_name="gpt-test").count() == 1
    assert "already" in str(form.errors)


def test_a_price_that_was_used_stays_as_it_was(browser: Any) -> None:
    stays = used(price())

    page = browser.get(f"{URL}{stays.pk}/change/").content.decode()
    answer = browser.post(f"{URL}{stays.pk}/change/", TYPED)
    browser.post(f"{URL}{stays.pk}/delete/", {"post": "yes"})

    assert f"{URL}add/?provider=OPENAI&amp;model_name=gpt-test" in page
    assert "so it stays" in page
    assert answer.status_code == 403
    assert ModelPrice.objects.get(pk=stays.pk).input_micro_usd == 1


def test_the_list_says_which_price_is_in_force(browser: Any) -> None:
    price(model_name="before"), price(model_name="before", valid_from=date(2026, 2, 1))
    price(model_name="ahead", valid_from=date(2999, 1, 1))

    page = browser.get(f"{URL}?q=before").content.decode()
    ahead = browser.get(f"{URL}?q=ahead").content.decode()

    assert (page.count("Superseded"), page.count("In force")) == (1, 1)
    assert "Later" in ahead


@pytest.mark.parametrize(
    ("micro", "words"),
    [(None, "–"), (0, "0.00 USD"), (12, "< 0.0001 USD"), (12_230, "0.0122 USD"), (1_234_567_890, "1,234.57 USD")],
)
def test_money_reads_as_dollars(micro: int | None, words: str) -> None:
    assert usd(micro) == words
