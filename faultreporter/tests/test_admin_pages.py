"""Every page of the back office: it opens within its budget of queries, for whom the policy says, and only looks."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest
from django.contrib import admin
from django.db import connection, transaction
from django.db.models import Model
from django.test.utils import CaptureQueriesContext, override_settings
from django.urls import reverse

from alerts.models import Alert
from faultreporter.accounts.models import User
from faultreporter.audit.models import AuditLog
from faultreporter.roles import Role
from faultreporter.testing import make_person
from faultreporter.tests.estate import build_estate, without_rows
from workorders.models import WorkOrder

pytestmark = pytest.mark.django_db
Backoffice = Callable[[User], Any]
People = dict[str, User]
BUDGET = 30
# What managers don't open, and what they open without writing; everything else they may do what administrators may.
NOT_FOR_MANAGERS = {
    "accounts.apitoken", "audit.auditlog", "audit.auditseal", "axes.accessattempt", "axes.accesslog",
    "django_celery_beat.periodictask", "notifications.delivery", "notifications.notification",
    "notifications.pushtarget", "webhooks.webhook", "webhooks.webhookdelivery",
}  # fmt: skip
ONLY_SEEN_BY_MANAGERS = {"accounts.user"}
ONLY_SEEN = {
    "aiassist.analysis", "alerts.escalationoutage",
    "analytics.assetreliability", "analytics.operationsreport", "audit.auditlog",
    "audit.auditseal", "axes.accessattempt", "axes.accesslog", "django_celery_beat.periodictask", "equipment.move",
    "equipment.statusinterval", "telemetry.deadletter", "telemetry.handreading", "telemetry.insight",
    "telemetry.latestreading",
    "telemetry.mqttbridge", "telemetry.readingimport", "telemetry.readingvoid", "telemetry.rulestate",
    "telemetry.series", "webhooks.webhookdelivery",
    "workorders.costentry", "workorders.labourentry", "workorders.partuse",
    "workorders.stockmovement",
    "notifications.delivery", "notifications.notification", "notifications.pushtarget",
    "workorders.workordertask",
}  # fmt: skip


class Page(NamedTuple):
    model: str
    kind: str
    url: str


@pytest.fixture(scope="module")
def people(django_db_setup: None, django_db_blocker: Any, tmp_path_factory: Any) -> Iterator[People]:
    """One of each role, and the estate; built once, for nothing here changes it."""
    media = override_settings(MEDIA_ROOT=tmp_path_factory.mktemp("media"))
    with django_db_blocker.unblock(), media, transaction.atomic():
        made = {role.value: make_person(role.value, role) for role in Role}
        build_estate(manager=made["MANAGER"], technician=made["TECHNICIAN"])
        yield made
        transaction.set_rollback(True)


def address(model: type[Model], kind: str, *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{kind}", args=args)


def pages() -> Iterator[Page]:
    """The list, the form for a new one, and the page of the record that has the most on it."""
    for model in sorted(admin.site._registry, key=lambda model: model._meta.label_lower):
        name, record = model._meta.label_lower, model._default_manager.order_by("pk")[0]
        yield Page(name, "list", address(model, "changelist"))
        yield Page(name, "add", address(model, "add"))
        yield Page(name, "change", address(model, "change", record.pk))


def expected(page: Page, *, manager: bool) -> int:
    if manager and page.model in NOT_FOR_MANAGERS:
        return 403
    if page.kind == "add" and (page.model in ONLY_SEEN or (manager and page.model in ONLY_SEEN_BY_MANAGERS)):
        return 403
    return 200


def test_the_estate_has_every_record(people: People) -> None:
    assert without_rows() == []


@pytest.mark.parametrize("role", ["ADMIN", "MANAGER"])
def test_pages_open_for_whom_they_should_within_their_budget(backoffice: Backoffice, people: People, role: str) -> None:
    browser = backoffice(people[role])

    wrong = []
    for page in pages():
        with CaptureQueriesContext(connection) as queries:
            status = browser.get(page.url).status_code
        if status != expected(page, manager=role == "MANAGER") or len(queries) > BUDGET:
            wrong.append((page.url, status, len(queries)))

    assert wrong == []


@pytest.mark.parametrize("role", ["TECHNICIAN", "REPORTER"])
def test_others_are_sent_to_the_door(backoffice: Backoffice, people: People, role: str) -> None:
    browser = backoffice(people[role])

    for page in pages():
        answer = browser.get(page.url)
        assert (answer.status_code, answer.url.split("?")[0]) == (302, "/admin/login/"), page.url


def test_today_stays_within_its_budget(
    backoffice: Backoffice, people: People, django_assert_max_num_queries: Any
) -> None:
    browser = backoffice(people["MANAGER"])

    with django_assert_max_num_queries(BUDGET):
        page = browser.get("/admin/")

    assert "<title> Today" in " ".join(page.content.decode().split())


@pytest.mark.parametrize("page", ["review", "costs", "comparison", "handover"])
def test_the_assistants_pages_stay_within_their_budget(
    backoffice: Backoffice, people: People, django_assert_max_num_queries: Any, page: str
) -> None:
    browser = backoffice(people["MANAGER"])

    with django_assert_max_num_queries(BUDGET):
        assert browser.get(reverse(f"admin:aiassist_analysis_{page}")).status_code == 200


def test_today_leads_to_the_rows_behind_its_numbers(backoffice: Backoffice, people: People) -> None:
    browser = backoffice(people["MANAGER"])

    for tile in browser.get("/admin/").context["tiles"]:
        assert browser.get(tile["href"]).status_code == 200, tile["href"]


def buttons() -> Iterator[str]:
    """Every button above a record, whether the record allows the move now or not."""
    for model, page in admin.site._registry.items():
        record = model._default_manager.order_by("pk")[0]
        for button in getattr(page, "_get_base_actions_detail", list)():
            yield reverse(f"admin:{button.action_name}", args=[record.pk])


def test_looking_changes_nothing(backoffice: Backoffice, people: People) -> None:
    browser = backoffice(people["ADMIN"])
    before = AuditLog.objects.count()

    answers = [browser.get(url) for url in buttons()]
    for page in pages():
        browser.get(page.url)
        browser.get(page.url.replace("/change/", "/delete/"))

    assert len(answers) > 15
    assert {answer.status_code for answer in answers} == {200}
    assert AuditLog.objects.count() == before


def test_searching_in_vain_says_so(backoffice: Backoffice, people: People) -> None:
    browser = backoffice(people["ADMIN"])

    for model, page in admin.site._registry.items():
        if page.search_fields:
            answer = browser.get(address(model, "changelist"), {"q": "no such thing"})
            assert (answer.status_code, b"Nothing matches" in answer.content) == (200, True), model


def test_the_palette_finds_machines_alerts_and_people(backoffice: Backoffice, people: People) -> None:
    browser = backoffice(people["MANAGER"])
    order = WorkOrder.objects.exclude(alert=None).order_by("pk")[0]

    for term, record in ((order.number, order), (order.equipment.equipment_code, order.equipment)):
        answer = browser.get("/admin/search/", {"s": term, "extended": "1"}).content.decode()
        assert address(type(record), "change", record.pk) in answer, term


def test_pickers_answer(backoffice: Backoffice, people: People) -> None:
    """The fields that look records up while one types."""
    browser = backoffice(people["MANAGER"])

    for model, page in admin.site._registry.items():
        for field in page.autocomplete_fields:
            asked = {"app_label": model._meta.app_label, "model_name": model._meta.model_name, "field_name": field}
            assert browser.get("/admin/autocomplete/", {**asked, "term": "1"}).status_code == 200, asked


def test_times_are_the_persons_own(backoffice: Backoffice, people: People) -> None:
    manager, alert = people["MANAGER"], Alert.objects.order_by("pk")[0]
    browser, url = backoffice(manager), address(Alert, "change", alert.pk)

    utc = browser.get(url).content.decode()
    User.objects.filter(pk=manager.pk).update(time_zone="Asia/Tokyo")
    tokyo = browser.get(url).content.decode()

    assert f"{alert.occurred_at:%H:%M}" in utc
    assert f"{alert.occurred_at.astimezone(ZoneInfo('Asia/Tokyo')):%H:%M}" in tokyo


def test_an_alert_leads_to_its_machine_its_order_and_back(backoffice: Backoffice, people: People) -> None:
    order = WorkOrder.objects.exclude(alert=None).order_by("-created_at")[0]
    alert, machine = order.alert, order.equipment
    browser = backoffice(people["MANAGER"])

    for record, others in ((alert, [machine, order]), (order, [machine, alert]), (machine, [alert, order])):
        page = browser.get(address(type(record), "change", record.pk)).content.decode()
        for other in others:
            assert address(type(other), "change", other.pk) in page, (record, other)
