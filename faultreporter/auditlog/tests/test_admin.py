from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from faultreporter.accounts.models import User
from faultreporter.audit import seals
from faultreporter.audit.context import acting
from faultreporter.audit.models import AuditLog
from faultreporter.auditlog.admin import ShortPaginator

pytestmark = pytest.mark.django_db

LIST = "/admin/audit/auditlog/"
Browser = Callable[[User], Client]


@pytest.fixture
def entry(tess: User, mona: User) -> AuditLog:
    """Mona gave Tess another name, with something in it that a page must not take for markup."""
    with acting(by=mona, source=AuditLog.Source.API, request_id="r-1"):
        User.objects.filter(pk=tess.pk).update(display_name="Tess <script>")
    return AuditLog.objects.latest("id")


def test_the_list_says_who_did_what(backoffice: Browser, adam: User, entry: AuditLog) -> None:
    page = backoffice(adam).get(LIST).content.decode()

    assert "Mona" in page
    assert entry.entity_id in page


def test_the_page_of_an_entry_shows_the_difference(backoffice: Browser, adam: User, entry: AuditLog) -> None:
    page = backoffice(adam).get(f"{LIST}{entry.pk}/change/").content.decode()

    assert "<del>Tess</del>" in page
    assert "<ins>Tess &lt;script&gt;</ins>" in page
    assert reverse("admin:accounts_user_change", args=[entry.entity_id]) in page


@pytest.mark.parametrize("query", ["?q=r-1", "?entity_type=users&action__exact=UPDATE", "?source__exact=API"])
def test_the_list_can_be_searched_and_narrowed(backoffice: Browser, adam: User, entry: AuditLog, query: str) -> None:
    response = backoffice(adam).get(LIST + query)

    assert [found.pk for found in response.context["cl"].result_list] == [entry.pk]


def test_a_search_finds_the_history_of_a_record(backoffice: Browser, adam: User, entry: AuditLog) -> None:
    response = backoffice(adam).get(LIST, {"q": entry.entity_id})

    assert [found.action for found in response.context["cl"].result_list] == ["UPDATE", "INSERT"]


def test_managers_do_not_see_the_log(backoffice: Browser, mona: User, entry: AuditLog) -> None:
    assert backoffice(mona).get(LIST).status_code == 403


@pytest.mark.parametrize("action", ["change", "delete"])
def test_nobody_writes_the_log_there(backoffice: Browser, adam: User, entry: AuditLog, action: str) -> None:
    assert backoffice(adam).post(f"{LIST}{entry.pk}/{action}/", {"request_id": "x"}).status_code == 403
    assert backoffice(adam).get(f"{LIST}add/").status_code == 403


def test_a_table_that_is_gone_keeps_its_entries_readable(backoffice: Browser, adam: User, entry: AuditLog) -> None:
    entry.pk, entry.entity_type = None, "old_things"
    entry.save(force_insert=True)

    page = backoffice(adam).get(f"{LIST}{entry.pk}/change/").content.decode()

    assert "old_things" in page


def test_the_pages_are_counted_no_further_than_people_turn_them(
    entry: AuditLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ShortPaginator, "MOST", 2)

    assert ShortPaginator(AuditLog.objects.all(), 1).count == 2


@pytest.mark.django_db(transaction=True)
def test_a_seal_leads_to_its_entries(backoffice: Browser, adam: User, django_assert_max_num_queries: Any) -> None:
    seals.seal_all()

    page = backoffice(adam).get("/admin/audit/auditseal/1/change/").content.decode()
    response = backoffice(adam).get(LIST, {"seal__id__exact": "1"})

    assert f"{LIST}?seal__id__exact=1" in page
    assert len(response.context["cl"].result_list) == AuditLog.objects.filter(seal=1).count()
