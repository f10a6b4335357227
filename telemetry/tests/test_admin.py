from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from equipment.tests.factories import EquipmentFactory
from faultreporter.accounts.models import User
from faultreporter.outbox.testing import deliver
from telemetry.intake.ingest import ingest
from telemetry.models import DeviceKey, MaintenanceWindow, Metric, Rule, RuleState, Series, Tariff
from telemetry.tests.factories import DetectorFactory, MetricFactory, RuleFactory, holder, issue_key

pytestmark = pytest.mark.django_db

Browse = Callable[[User], Any]


@pytest.fixture
def firing(db: None) -> Rule:
    """A rule that fires on one machine; with it come a metric, a series, readings and a state."""
    rule = RuleFactory.create(at=timezone.now() - timedelta(hours=1))
    reading = {"equipment_id": str(rule.equipment_id), "metric": rule.metric.code, "value": 99}
    ingest([reading], at=timezone.now())
    deliver()
    return rule


@pytest.mark.parametrize("page", ["metric", "series", "latestreading", "rule", "rulestate", "devicekey"])
def test_lists_load(
    backoffice: Browse, mona: User, firing: Rule, page: str, django_assert_max_num_queries: Any
) -> None:
    issue_key()
    browser = backoffice(mona)

    with django_assert_max_num_queries(30):
        response = browser.get(f"/admin/telemetry/{page}/")
    assert response.status_code == 200
    assert browser.get(f"/admin/telemetry/{page}/?q=x").status_code == 200


def test_records_load(backoffice: Browse, mona: User, firing: Rule, django_assert_max_num_queries: Any) -> None:
    key, _plain = issue_key()
    browser = backoffice(mona)
    records = [firing.metric, Series.objects.get(), firing, RuleState.objects.get(), key, Series.objects.get().latest]

    for record in records:
        url = f"/admin/telemetry/{record._meta.model_name}/{record.pk}/change/"
        with django_assert_max_num_queries(30):
            response = browser.get(url)
        assert response.status_code == 200, url
    for page in ("metric", "rule", "devicekey"):
        assert browser.get(f"/admin/telemetry/{page}/add/").status_code == 200


def test_overdue_series_are_found(backoffice: Browse, mona: User, firing: Rule) -> None:
    browser, series = backoffice(mona), Series.objects.get()
    Series.objects.update(expected_interval_s=86_400)

    assert series.equipment.equipment_code in browser.get("/admin/telemetry/series/?stale=no").content.decode()
    assert series.equipment.equipment_code not in browser.get("/admin/telemetry/series/?stale=yes").content.decode()


def test_a_series_shows_its_recent_readings(backoffice: Browse, mona: User, firing: Rule) -> None:
    page = backoffice(mona).get(f"/admin/telemetry/series/{Series.objects.get().pk}/change/")

    assert "99 °C" in page.content.decode()


def rule_form(rule: Rule | None = None, **fields: Any) -> dict[str, Any]:
    shown = rule or Rule(title="Hot", metric=MetricFactory(), equipment=EquipmentFactory(), trigger_value=80.0)
    counts = ("TOTAL_FORMS", "INITIAL_FORMS", "MIN_NUM_FORMS", "MAX_NUM_FORMS")
    inline = {f"{tab}-{name}": 0 for tab in ("states", "versions") for name in counts}
    return {
        "title": shown.title,
        "equipment": str(shown.equipment_id),
        "metric": str(shown.metric_id),
        "kind": shown.kind,
        "comparison": shown.comparison,
        "for_s": shown.for_s,
        "keep_firing_s": shown.keep_firing_s,
        "min_samples": shown.min_samples,
        "trigger_value": shown.trigger_value,
        "clear_value": "",
        "severity": shown.severity,
        "is_enabled": "on",
        **inline,
        **fields,
    }


def test_a_rule_is_added(backoffice: Browse, mona: User) -> None:
    response = backoffice(mona).post("/admin/telemetry/rule/add/", rule_form())

    assert response.status_code == 302, response.context["errors"]
    rule = Rule.objects.get()
    assert (rule.title, rule.clear_value, rule.created_by) == ("Hot", 80.0, mona)


def test_an_edited_rule_closes_what_it_had_open(backoffice: Browse, mona: User, firing: Rule) -> None:
    url = f"/admin/telemetry/rule/{firing.pk}/change/"

    response = backoffice(mona).post(url, rule_form(firing, trigger_value=200, clear_value=150))

    assert response.status_code == 302
    firing.refresh_from_db()
    assert (firing.trigger_value, RuleState.objects.count()) == (200.0, 0)


def test_a_rule_that_makes_no_sense_is_explained(backoffice: Browse, mona: User) -> None:
    response = backoffice(mona).post("/admin/telemetry/rule/add/", rule_form(clear_value=90))

    assert "quiet side" in response.content.decode()
    assert not Rule.objects.exists()


def test_a_metric_in_use_keeps_its_unit(backoffice: Browse, mona: User, firing: Rule) -> None:
    metric = firing.metric
    form = {
        "code": metric.code,
        "name": metric.name,
        "unit": "K",
        "kind": "GAUGE",
        "physical_min": -90,
        "physical_max": 1200,
    }

    response = backoffice(mona).post(f"/admin/telemetry/metric/{metric.pk}/change/", form, follow=True)

    assert "it keeps its code and unit" in response.content.decode()
    assert Metric.objects.get().unit == "Cel"


def test_a_form_says_what_is_wrong_and_keeps_what_was_typed(backoffice: Browse, mona: User) -> None:
    form = {"code": "x", "name": "X", "unit": "foo", "kind": "GAUGE"}

    answer = backoffice(mona).post("/admin/telemetry/metric/add/", form)

    shown = answer.context["adminform"].form
    assert "“foo” is no UCUM code" in shown.errors["unit"][0]
    assert shown.data.dict() == form


def test_a_second_detector_of_a_kind_is_refused_at_the_field(backoffice: Browse, mona: User) -> None:
    first = DetectorFactory.create()
    fields = {"metric": str(first.metric_id), "kind": first.kind, "visibility": "SHADOW"}

    answer = backoffice(mona).post("/admin/telemetry/detector/add/", fields)

    assert answer.context["adminform"].form.errors == {"kind": ["This metric has such a detector already."]}


def test_a_meter_on_a_gauge_is_refused_at_the_field(backoffice: Browse, mona: User, firing: Rule) -> None:
    series = Series.objects.get()
    fields = {"name": "Main", "utility": "ELECTRICITY", "factor": 1, "equipment": str(series.equipment_id)}

    answer = backoffice(mona).post("/admin/telemetry/meter/add/", {**fields, "series": series.pk})

    said = "A meter reads a counter, and this metric is a gauge; choose a series of a counter."
    assert answer.context["adminform"].form.errors == {"series": [said]}


def test_a_price_without_a_currency_is_in_the_products_own(backoffice: Browse, mona: User) -> None:
    form = {"utility": "ELECTRICITY", "valid_from": "2026-01-01", "price": "0.24"}

    assert backoffice(mona).post("/admin/telemetry/tariff/add/", form).status_code == 302
    assert Tariff.objects.get().currency == "EUR"


@pytest.mark.parametrize(("hours", "when"), [(-1, "now"), (24, "ahead"), (-48, "past")])
def test_windows_are_found_by_when_they_are(backoffice: Browse, mona: User, hours: int, when: str) -> None:
    begins = timezone.now() + timedelta(hours=hours)
    machine = EquipmentFactory.create()
    MaintenanceWindow.add(
        by=mona, equipment=machine, starts_at=begins, ends_at=begins + timedelta(hours=2), reason="Bearings"
    )
    browser = backoffice(mona)

    def found(chosen: str) -> bool:
        return "Bearings" in browser.get(f"/admin/telemetry/maintenancewindow/?when={chosen}").content.decode()

    assert [chosen for chosen in ("now", "ahead", "past") if found(chosen)] == [when]


def test_help_texts_are_words(backoffice: Browse, mona: User) -> None:
    assert (
        "fr/v1/&lt;device id&gt;/telemetry" in backoffice(mona).get("/admin/telemetry/devicekey/add/").content.decode()
    )


def test_a_new_key_is_shown_once(backoffice: Browse, mona: User) -> None:
    machine = EquipmentFactory.create()
    browser = backoffice(mona)

    page = browser.post(
        "/admin/telemetry/devicekey/add/", {"name": "Roof", "equipment": [str(machine.pk)]}, follow=True
    ).content.decode()

    key = DeviceKey.objects.get()
    plain = page[page.index("frd_") :].split("<")[0].strip()
    assert holder(plain, at=timezone.now()) == key
    assert (list(key.equipment.all()), key.created_by) == ([machine], mona)
    assert plain not in browser.get("/admin/telemetry/devicekey/").content.decode()


def test_a_key_is_rotated_and_deleted(backoffice: Browse, mona: User) -> None:
    key, plain = issue_key()
    browser = backoffice(mona)

    page = browser.post(
        "/admin/telemetry/devicekey/", {"action": "rotate", "_selected_action": [str(key.pk)]}, follow=True
    )
    assert "frd_" in page.content.decode()
    assert holder(plain, at=timezone.now())

    browser.post(f"/admin/telemetry/devicekey/{key.pk}/delete/", {"post": "yes"})
    assert not holder(plain, at=timezone.now())


def test_a_key_that_could_send_nothing_is_refused_at_the_field(backoffice: Browse, mona: User) -> None:
    machine, (key, _plain) = EquipmentFactory.create(), issue_key()
    browser, page = backoffice(mona), f"/admin/telemetry/devicekey/{key.pk}/change/"

    for url in ("/admin/telemetry/devicekey/add/", page):
        refused = browser.post(url, {"name": "Roof"})
        assert "allow it all equipment" in str(refused.context["adminform"].form.errors["equipment"])
    browser.post(page, {"name": "Roof", "equipment": [str(machine.pk)]})

    key.refresh_from_db()
    assert (key.name, key.all_equipment, list(key.equipment.all())) == ("Roof", False, [machine])
    assert "1 machine" in browser.get("/admin/telemetry/devicekey/").content.decode()


@pytest.mark.parametrize(
    ("page", "typed", "field", "words"),
    [
        ("maintenancewindow", {"reason": "x"}, "equipment", "either one machine or one place"),
        ("rule", {"kind": "THRESHOLD", "trigger_value": "80"}, "equipment", "either one machine or one category"),
        ("rule", {"kind": "RANGE", "low_value": "1"}, "high_value", "needs this"),
        ("rule", {"kind": "THRESHOLD", "trigger_value": "8", "clear_value": "9"}, "clear_value", "quiet side"),
        ("meter", {"name": "x", "factor": "1"}, "equipment", "either a machine or a place"),
    ],
)  # fmt: skip
def test_what_contradicts_itself_is_said_at_the_field(
    backoffice: Browse, mona: User, page: str, typed: dict[str, str], field: str, words: str
) -> None:
    left = {"for_s": "0", "keep_firing_s": "0", "min_samples": "1"}

    shown = backoffice(mona).post(f"/admin/telemetry/{page}/add/", {**left, **typed}).context["adminform"].form

    assert words in str(shown.errors[field])
    assert "__all__" not in shown.errors


def test_numbers_are_shown_as_a_person_would_type_them(backoffice: Browse, mona: User) -> None:
    rule = RuleFactory.create(trigger_value=80.0, clear_value=75.5)

    page = backoffice(mona).get(f"/admin/telemetry/rule/{rule.pk}/change/").content.decode()

    assert 'value="80"' in page
    assert 'value="75.5"' in page
    assert "Trigger value, °C" in page
