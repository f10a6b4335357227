"""A rule tried on the past in the back office, and its limits changed from there."""

from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from faultreporter.accounts.models import User
from telemetry.intake.ingest import ingest
from telemetry.models import Rule
from telemetry.tests.factories import RuleFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def rule(db: None) -> Rule:
    rule = RuleFactory.create()
    ingest([{"equipment_id": str(rule.equipment_id), "metric": rule.metric.code, "value": 70}], at=timezone.now())
    return rule


def try_path(rule: Rule) -> str:
    return reverse("admin:telemetry_rule_try_on_the_past", args=[rule.pk])


def draft(rule: Rule, **changes: Any) -> dict[str, Any]:
    fields = {name: getattr(rule, name) for name in ("comparison", "trigger_value", "clear_value", "for_s")}
    return {**fields, "keep_firing_s": 0, "min_samples": 1, "version": rule.version, **changes}


def test_the_page_knows_the_series_and_the_fields_of_the_rules_kind(
    backoffice: Any, mona: User, rule: Rule, django_assert_max_num_queries: Any
) -> None:
    browser = backoffice(mona)

    with django_assert_max_num_queries(20):
        page = browser.get(try_path(rule))

    assert [series["machine"] for series in page.context["config"]["series"]] == [str(rule.equipment)]
    assert list(page.context["form"].fields) == [
        "comparison", "trigger_value", "clear_value", "for_s", "keep_firing_s", "min_samples",
    ]  # fmt: skip
    assert try_path(rule) in browser.get(f"/admin/telemetry/rule/{rule.pk}/change/").content.decode()


def test_a_draft_becomes_the_rules_limits_as_a_new_version(backoffice: Any, mona: User, rule: Rule) -> None:
    answer = backoffice(mona).post(try_path(rule), draft(rule, trigger_value=90, for_s=300))

    stored = Rule.objects.get(pk=rule.pk)
    assert answer.status_code == 302
    assert (stored.trigger_value, stored.clear_value, stored.for_s, stored.version) == (90, 75, 300, rule.version + 1)
    assert stored.versions.order_by("-version")[0].changed_by == mona


def test_a_draft_of_limits_that_contradict_each_other_stays_a_draft(backoffice: Any, mona: User, rule: Rule) -> None:
    answer = backoffice(mona).post(try_path(rule), draft(rule, clear_value=99))

    assert "quiet side of the trigger value" in answer.content.decode()
    assert Rule.objects.get(pk=rule.pk).version == rule.version


def test_a_rule_that_somebody_changed_meanwhile_is_left_alone(backoffice: Any, mona: User, rule: Rule) -> None:
    Rule.objects.get(pk=rule.pk).change(by=mona, at=timezone.now(), trigger_value=85)

    answer = backoffice(mona).post(try_path(rule), draft(rule, trigger_value=90), follow=True)

    assert "changed by somebody else" in answer.content.decode()
    assert Rule.objects.get(pk=rule.pk).trigger_value == 85


def test_a_rule_without_readings_says_so(backoffice: Any, mona: User) -> None:
    page = backoffice(mona).get(try_path(RuleFactory.create()))

    assert "There are no readings to try it on" in page.content.decode()
