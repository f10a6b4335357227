"""How good the answers were, and what they cost."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from aiassist import pipeline
from aiassist.models import Analysis, AnalysisAttempt
from aiassist.outcomes import measure
from aiassist.reviews import review
from aiassist.tests.factories import make_analysis, make_answered
from aiassist.tests.repairs import make_fan, naming, tick_tasks, told
from alerts.tests.test_budgets import cost
from equipment.tests.factories import EquipmentFactory
from faultreporter.accounts.models import User
from faultreporter.attachments.tests.factories import make_attachment
from faultreporter.testing import assert_error
from locations.tests.factories import LocationFactory
from workorders.models import WorkOrder

pytestmark = pytest.mark.django_db
Api = Callable[[User | None], APIClient]
ACCURACY, COSTS = "/api/v1/ai/accuracy", "/api/v1/ai/costs"
ALL = Analysis.objects.all


@pytest.fixture
def fan(db: None) -> Any:
    return make_fan()


# Who answered how well -----------------------------------------------------------------------------------------------


def test_figures_of_two_providers(fan: Any, mona: User) -> None:
    told(fan, mona, "BEARING", answer=naming("BEARING"), cost=3000, seconds=1.0)
    told(fan, mona, "BELT", answer=naming("BEARING", "BELT"), cost=1000, seconds=3.0, needs_review=True)
    told(fan, mona, "", answer=naming("BELT"), cost=None, seconds=9.0, dropped_citations=2)
    told(fan, mona, None, answer=naming(), cost=0, seconds=5.0)
    told(fan, mona, "", provider="RULEBOOK", model_name="rulebook-1", prompt_version="", answer=naming())

    gpt, rules = measure(ALL())

    assert (gpt.source.provider, gpt.source.model_name, gpt.source.prompt_version) == ("OPENAI", "gpt-x", "1")
    assert (gpt.effort.asked, gpt.answers, gpt.effort.calls, gpt.effort.calls_without_cost) == (4, 4, 4, 1)
    assert (gpt.known.hits, gpt.right.n, gpt.right.hits) == (3, 3, 1)
    assert (gpt.precision.n, gpt.precision.hits) == (3, 1)
    assert (gpt.recall.n, gpt.recall.hits) == (2, 1)
    assert (gpt.top_3.n, gpt.top_3.hits) == (2, 2)
    assert (gpt.abstained.hits, gpt.needs_review.hits, gpt.accepted.n) == (1, 1, 3)
    assert gpt.dropped_citations_per_answer == 0.5
    assert (gpt.effort.cost_micro_usd, gpt.cost_per_answer_micro_usd) == (4000, 1000)
    assert gpt.cost_per_right_answer_micro_usd == pytest.approx(3000)
    assert gpt.effort.median_seconds == pytest.approx(4.0)
    assert (rules.right.hits, rules.precision.n, rules.abstained.hits) == (1, 0, 1)


def test_the_severity_agrees_where_a_person_leaves_it(fan: Any, mona: User) -> None:
    said: list[tuple[str, dict[str, str]]] = [
        ("ACCEPTED", {}), ("EDITED", {"severity": "LOW"}), ("REJECTED", {"severity": "HIGH"}), ("REJECTED", {}),
    ]  # fmt: skip
    for verdict, words in said:
        analysis = make_answered(equipment=fan, severity="HIGH")
        review(analysis=analysis, by=mona, at=timezone.now(), verdict=verdict, **words)

    (gpt,) = measure(ALL())

    assert (gpt.severity_agreed.n, gpt.severity_agreed.hits) == (3, 2)
    assert (gpt.accepted.hits, gpt.edited.hits, gpt.rejected.hits, gpt.rejected.n) == (1, 1, 2, 4)


def test_who_failed_before_another_answered_was_asked_and_paid(fan: Any) -> None:
    analysis = make_answered(equipment=fan, cost=500)
    now = timezone.now()
    for number, outcome, price in ((2, "TIMEOUT", 700), (3, "SKIPPED", None)):
        AnalysisAttempt.objects.create(
            analysis=analysis, number=number, provider="GEMINI", model_name="g", outcome=outcome, started_at=now,
            finished_at=now, cost_micro_usd=price,
        )  # fmt: skip

    gemini, gpt = measure(ALL())

    assert (gemini.source.provider, gemini.effort.asked, gemini.effort.calls, gemini.answers) == ("GEMINI", 1, 1, 0)
    assert (gemini.effort.cost_micro_usd, gemini.cost_per_answer_micro_usd) == (700, None)
    assert (gpt.answers, gpt.cost_per_answer_micro_usd) == (1, 500)


def test_a_question_nobody_answered_is_no_answer(fan: Any) -> None:
    make_analysis(equipment=fan)

    assert measure(ALL()) == []


def test_two_queries_whatever_the_number(fan: Any, mona: User) -> None:
    for code in ("BEARING", "BELT", ""):
        told(fan, mona, code)

    with CaptureQueriesContext(connection) as queries:
        measure(ALL())

    assert len(queries) == 2


# The address ---------------------------------------------------------------------------------------------------------


def test_from_the_report_to_one_wrong_of_one(api: Api, fan: Any, rita: User, mona: User) -> None:
    """Report with a photo, analysis, acceptance, order, and a repair that finds something else."""
    photo = make_attachment(by=rita)
    report = {
        "equipment_id": str(fan.pk), "title": "Grinding noise", "attachment_ids": [str(photo.pk)], "analyze": True,
    }  # fmt: skip
    alert_id = api(rita).post("/api/v1/alerts", report, format="json").json()["data"]["id"]
    analysis = Analysis.objects.get(alert=alert_id)
    pipeline.run(analysis.pk)
    url = f"/api/v1/ai/analyses/{analysis.pk}"
    assert api(mona).get(url).json()["data"]["detected_issues"] == ["Bearing wear"]

    api(mona).post(f"{url}/feedback", {"verdict": "ACCEPTED"})
    order = api(mona).post(f"{url}/work-order").json()["data"]
    assert order["alert_id"] == alert_id
    moves = {
        "assign": {"user_id": str(mona.pk)},
        "start": {},
        "complete": {"resolution": "Tightened", "failure_mode": "BELT"},
    }
    for move_to, body in moves.items():
        if move_to == "complete":
            tick_tasks(WorkOrder.objects.get(pk=order["id"]), by=mona)
        response = api(mona).post(f"/api/v1/work-orders/{order['id']}/{move_to}", body)
        assert response.status_code == 200, response.json()

    (rules,) = api(mona).get(ACCURACY).json()["data"]
    assert (rules["provider"], rules["answers"]) == ("RULEBOOK", 1)
    assert rules["precision"] == {"n": 1, "hits": 0, "share": 0.0, "low": 0.0, "high": pytest.approx(0.793, abs=1e-3)}
    assert rules["accepted"]["hits"] == 1
    assert [(of["code"], of["precision"]["n"], of["recall"]["n"]) for of in rules["failure_modes"]] == [
        ("BEARING", 1, 0), ("BELT", 0, 1),
    ]  # fmt: skip
    outcome = api(mona).get(url).json()["data"]["outcome"]
    assert (outcome["failure_mode"], outcome["number"]) == ("BELT", order["number"])


def test_of_nothing_there_is_no_percentage(api: Api, fan: Any, mona: User) -> None:
    make_answered(equipment=fan)

    (gpt,) = api(mona).get(ACCURACY).json()["data"]

    assert gpt["precision"] == {"n": 0, "hits": 0, "share": None, "low": None, "high": None}
    assert gpt["cost_per_right_answer_micro_usd"] is None


def test_figures_can_be_narrowed(api: Api, fan: Any, mona: User) -> None:
    told(fan, mona, "BELT", answer=naming("BEARING"))
    told(fan, mona, None, provider="GEMINI", model_name="g-1", prompt_version="2", answer=naming("BELT"))
    elsewhere = EquipmentFactory.create()
    long_ago = timezone.now() - timedelta(days=40)
    make_answered(equipment=elsewhere, provider="GROK", model_name="x", answer=naming(None), at=long_ago)
    today = timezone.now().date()

    def found(**query: Any) -> list[str]:
        return [row["provider"] for row in api(mona).get(ACCURACY, query).json()["data"]]

    assert found() == ["GEMINI", "GROK", "OPENAI"]
    assert found(provider="gemini") == ["GEMINI"]
    assert found(model="gpt-x") == ["OPENAI"]
    assert found(prompt_version="2") == ["GEMINI"]
    assert found(failure_mode="bearing") == ["OPENAI"]
    assert found(failure_mode="belt") == ["GEMINI", "OPENAI"]
    assert found(category_id=fan.category_id) == ["GEMINI", "OPENAI"]
    assert found(site_id=elsewhere.location.site_id) == ["GROK"]
    assert found(**{"from": today - timedelta(days=10)}) == ["GEMINI", "OPENAI"]
    assert found(to=today - timedelta(days=10)) == ["GROK"]


def test_what_is_out_of_sight_does_not_count(api: Api, mona: User) -> None:
    make_answered(equipment=EquipmentFactory.create(location=LocationFactory.create(restricted=True)))

    assert api(mona).get(ACCURACY).json()["data"] == []


@pytest.mark.parametrize(
    ("query", "status", "code", "field"),
    [
        ({"from": "yesterday"}, 400, "INVALID_PARAMETER", "from"),
        ({"from": "2026-02-01", "to": "2026-01-01"}, 400, "INVALID_PARAMETER", "to"),
        ({"from": "2000-01-01"}, 422, "RANGE_TOO_LARGE", "from"),
        ({"provider": "CLAUDE"}, 400, "INVALID_PARAMETER", "provider"),
        ({"site": "x"}, 400, "INVALID_PARAMETER", "site"),
    ],
)
@pytest.mark.parametrize("url", [ACCURACY, COSTS])
def test_a_bad_parameter_is_named(
    api: Api, mona: User, url: str, query: dict[str, str], status: int, code: str, field: str
) -> None:
    assert_error(api(mona).get(url, query), status, code, field=field)


def test_the_figures_cost_a_handful_of_queries(api: Api, fan: Any, mona: User) -> None:
    for code in ("BEARING", "BELT"):
        told(fan, mona, code)

    assert cost(lambda: api(mona).get(ACCURACY)) <= 4
    assert cost(lambda: api(mona).get(COSTS)) <= 4


def test_the_rule_book_is_free(api: Api, fan: Any, mona: User) -> None:
    make_answered(equipment=fan, provider="RULEBOOK", model_name="rulebook-1", cost=None)

    (rules,) = measure(ALL())
    (day,) = api(mona).get(COSTS).json()["data"]["days"]

    assert (rules.effort.calls_without_cost, rules.cost_per_answer_micro_usd) == (0, 0)
    assert (day["calls_without_cost"], day["cost_micro_usd"]) == (0, 0)


def test_what_is_left_of_the_day(api: Api, fan: Any, mona: User, settings: Any) -> None:
    settings.AI_DAILY_BUDGET_USD = 0.01
    make_answered(equipment=fan, cost=4000)

    today = api(mona).get(COSTS).json()["data"]["today"]

    assert (today["budget_micro_usd"], today["spent_micro_usd"], today["left_micro_usd"]) == (10_000, 4000, 6000)


def test_costs_by_day_and_model(api: Api, fan: Any, mona: User) -> None:
    now = timezone.now()
    make_answered(equipment=fan, cost=1500, at=now)
    make_answered(equipment=fan, cost=500, at=now)
    make_answered(equipment=fan, cost=None, at=now - timedelta(days=1), provider="GEMINI", model_name="g-1")

    found = api(mona).get(COSTS).json()["data"]

    assert found["cost_micro_usd"] == 2000
    names = ("provider", "calls", "calls_without_cost", "cost_micro_usd")
    assert [tuple(day[name] for name in names) for day in found["days"]] == [
        ("OPENAI", 2, 0, 2000),
        ("GEMINI", 1, 1, None),
    ]
    assert api(mona).get(COSTS, {"provider": "GEMINI"}).json()["data"]["cost_micro_usd"] == 0
