"""What the assistant costs and how good it is, in the back office."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from aiassist.accuracy import Share
from aiassist.admin.charts import PLOT, nice, stacked
from aiassist.admin.comparison import difference, verdict
from aiassist.models import AnalysisAttempt
from aiassist.reviews import review
from aiassist.tests.answers import answer, issue
from aiassist.tests.factories import make_analysis, make_answered
from equipment.models import Equipment, FailureMode
from equipment.tests.factories import CategoryFactory, EquipmentFactory, FailureModeFactory
from faultreporter.accounts.models import User

COSTS, COMPARISON = "/admin/aiassist/analysis/costs/", "/admin/aiassist/analysis/comparison/"
with_database = pytest.mark.django_db


@pytest.fixture
def browser(backoffice: Any, mona: User) -> Any:
    return backoffice(mona)


@pytest.fixture
def fan(db: None) -> Equipment:
    category = CategoryFactory.create()
    FailureModeFactory.create(category=category, code="BEARING")
    FailureModeFactory.create(category=category, code="BELT")
    machine: Equipment = EquipmentFactory.create(category=category)
    return machine


def words(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


def failed(provider: str = "OPENAI", **fields: Any) -> AnalysisAttempt:
    now = timezone.now()
    said = {"outcome": "ERROR", "error_message": "The model is overloaded", **fields}
    return AnalysisAttempt.objects.create(
        analysis=make_analysis(), number=1, provider=provider, started_at=now, finished_at=now, **said
    )


def judged(fan: Equipment, by: User, *, right: int, of: int, **fields: Any) -> None:
    """Answers that name the bearing, and what a person found: the bearing, or the belt."""
    modes = {mode.code: mode for mode in FailureMode.objects.filter(category=fan.category)}
    for number in range(of):
        made = make_answered(equipment=fan, answer=answer(issues=[issue(failure_mode="BEARING")]), **fields)
        truth = modes["BEARING" if number < right else "BELT"]
        review(analysis=made, by=by, at=timezone.now(), verdict="EDITED", failure_mode=truth)


# Costs ---------------------------------------------------------------------------------------------------------------


@with_database
def test_costs_by_day_and_model_beside_the_budget(browser: Any, settings: Any) -> None:
    settings.AI_DAILY_BUDGET_USD = 3.0
    now = timezone.now()
    make_answered(cost=1_500_000, at=now)
    make_answered(cost=2_000_000, at=now - timedelta(days=40), provider="GEMINI", model_name="g-1")

    month, quarter = (browser.get(f"{COSTS}?days={days}") for days in (30, 90))

    assert (month.context["total"], quarter.context["total"]) == ("1.50 USD", "3.50 USD")
    assert (len(month.context["chart"].bars), len(quarter.context["chart"].bars)) == (30, 90)
    assert "1.50 USD" in words(month)
    assert "of 3.00 USD a day" in words(month)
    assert ("g-1" in words(month), "g-1" in words(quarter)) == (False, True)


@with_database
def test_a_spent_budget_is_told(browser: Any, settings: Any) -> None:
    settings.AI_DAILY_BUDGET_USD = 1.0
    make_answered(cost=1_000_000)

    assert "The budget is spent: only the rule book answers until" in words(browser.get(COSTS))


@with_database
def test_a_cost_that_nobody_knows_is_no_zero(browser: Any) -> None:
    make_answered(cost=None)

    page = browser.get(COSTS)

    assert "Without 1 call whose cost nobody knows" in words(page)
    assert [one["cost"] for one in page.context["models"]] == ["–"]


@with_database
def test_without_a_paid_call_the_page_says_what_to_do(browser: Any) -> None:
    make_answered(provider="RULEBOOK", cost=None)

    page = words(browser.get(COSTS))

    assert "so there is nothing to draw" in page
    assert "<code>OPENAI_API_KEY</code>" in page
    assert "cost nobody knows" not in page


@with_database
def test_a_provider_that_is_left_alone_says_since_when_and_why(browser: Any, settings: Any) -> None:
    settings.AI_PROVIDERS = {**settings.AI_PROVIDERS, "OPENAI": {"api_key": "k"}}
    for _number in range(3):
        failed()

    page = words(browser.get(COSTS))

    assert "Left alone" in page
    assert "The last failure: The model is overloaded" in page
    assert "Set GROK_API_KEY to have it asked" in page


@with_database
def test_who_asked_today_and_what_is_left_to_them(browser: Any, tess: User, settings: Any) -> None:
    settings.AI_DAILY_QUOTA_PER_USER = 2
    for provider in ("AUTO", "OPENAI", "RULEBOOK"):
        make_analysis(by=tess, provider=provider)

    page = words(browser.get(COSTS))

    assert ("Tess" in page, "2 of 2" in page, "used up" in page) == (True, True, True)


# The chart -----------------------------------------------------------------------------------------------------------


def test_a_bar_is_as_high_as_its_share_of_the_highest_tick() -> None:
    chart = stacked([[1.0, 0.5], [0.0, 2.0], [0.0, 0.0]], labels=["a", "b", "c"], titles=["", "", ""], limit=1.0)

    assert [(part.y, part.height) for part in chart.bars[0].segments] == [(100, 100), (50, 50)]
    assert [part.series for part in chart.bars[1].segments] == [1]
    assert (chart.bars[2].segments, chart.limit_y) == ([], PLOT / 2)
    assert [tick.label for tick in chart.ticks] == ["0", "1", "2"]


def test_a_limit_far_above_does_not_press_the_bars_flat() -> None:
    chart = stacked([[0.5]], labels=["a"], titles=[""], limit=100.0)

    assert (chart.limit_y, chart.bars[0].segments[0].height) == (None, PLOT / 2)


@pytest.mark.parametrize(("number", "top"), [(0, 1), (0.03, 0.04), (1, 1), (1.2, 2), (4.1, 10), (70, 100)])
def test_ticks_are_round_numbers(number: float, top: float) -> None:
    assert nice(number) == pytest.approx(top)


# The comparison ------------------------------------------------------------------------------------------------------


@with_database
def test_two_sources_side_by_side(browser: Any, fan: Equipment, mona: User) -> None:
    judged(fan, mona, right=24, of=25, model_name="good", cost=1000)
    judged(fan, mona, right=5, of=25, model_name="poor", cost=1000)

    page = browser.get(COMPARISON)

    precision, *_others, cost = page.context["rows"]
    assert [whisker.words for whisker in precision["whiskers"]] == [
        "96% (80% to 99%), 24 of 25", "20% (9% to 39%), 5 of 25",
    ]  # fmt: skip
    assert (precision["verdict"], cost["verdict"]) == ("A is better.", "A is cheaper.")
    assert [whisker.words.split(" (")[0] for whisker in cost["whiskers"]] == ["0.0010 USD", "0.0050 USD"]


@with_database
def test_whom_one_names_is_compared(browser: Any, fan: Equipment, mona: User) -> None:
    for model, answers in (("first", 3), ("second", 2), ("third", 1)):
        judged(fan, mona, right=1, of=answers, model_name=model)

    names = browser.get(COMPARISON, {"a": "OPENAI|third|1", "b": "OPENAI|first|1", "days": "30"}).context["names"]

    assert [name.split(" · ")[0] for name in names] == ["OpenAI third", "OpenAI first"]


@with_database
def test_few_cases_claim_nothing(browser: Any, fan: Equipment, mona: User) -> None:
    judged(fan, mona, right=3, of=3, model_name="lucky")
    judged(fan, mona, right=0, of=3, model_name="unlucky")

    rows = browser.get(COMPARISON).context["rows"]

    assert {row["verdict"] for row in rows} <= {"Too few to tell.", "Nothing to compare yet."}


@with_database
def test_one_source_has_nobody_to_be_compared_with(browser: Any, fan: Equipment, mona: User) -> None:
    assert "Nobody has answered a question" in words(browser.get(COMPARISON))

    judged(fan, mona, right=1, of=1)

    assert "Only one provider" in words(browser.get(COMPARISON))


def test_the_interval_of_a_difference_is_the_published_one() -> None:
    """Newcombe 1998, table II, example a, method 10."""
    low, high = difference(Share(70, 56), Share(80, 48))

    assert (round(low, 4), round(high, 4)) == (0.0524, 0.3339)


@pytest.mark.parametrize(
    ("a", "b", "more_is_better", "said"),
    [
        ((90, 100), (50, 100), True, "A is better."),
        ((90, 100), (50, 100), False, "B is better."),
        ((50, 100), (90, 100), None, "B does it more often."),
        ((52, 100), (50, 100), True, "No difference that couldn't be chance."),
        ((9, 10), (1, 10), True, "Too few to tell."),
        ((0, 0), (1, 10), True, "Nothing to compare yet."),
    ],
)
def test_a_verdict_in_words(a: tuple[int, int], b: tuple[int, int], more_is_better: bool | None, said: str) -> None:
    assert verdict(Share(a[1], a[0]), Share(b[1], b[0]), more_is_better) == said


@with_database
def test_the_pages_stay_within_their_budget_and_are_for_managers(
    browser: Any, backoffice: Any, tess: User, django_assert_max_num_queries: Any
) -> None:
    make_answered(), make_answered(provider="GEMINI")

    for url in (COSTS, COMPARISON):
        with django_assert_max_num_queries(30):
            assert browser.get(url).status_code == 200
    assert {backoffice(tess).get(url).status_code for url in (COSTS, COMPARISON)} == {302}
