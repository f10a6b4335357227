"""The page of shift handovers in the back office."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from aiassist import pipeline
from aiassist.handover.gathering import today
from aiassist.models import Analysis
from alerts.tests.factories import AlertFactory
from equipment.tests.factories import EquipmentFactory
from faultreporter.accounts.models import User
from locations.tests.factories import LocationFactory
from workorders.tests.factories import WorkOrderFactory

pytestmark = pytest.mark.django_db
BackOffice = Callable[[User], Client]
URL = "/admin/aiassist/analysis/handover/"


def site_with_a_leak(**fields: Any) -> Any:
    site = LocationFactory.create(name="Northgate", **fields)
    pump = EquipmentFactory.create(location=site, equipment_code="PUMP-1", equipment_name="Pump 1")
    alert = AlertFactory.create(equipment=pump, title="<b>Leaks</b>")
    WorkOrderFactory.create(equipment=pump, alert=alert, due_at=timezone.now() - timedelta(hours=1))
    return site


def test_it_is_asked_for_and_read_with_links(backoffice: BackOffice, mona: User) -> None:
    site = site_with_a_leak()
    browser = backoffice(mona)

    answer = browser.post(URL, {"site": site.pk, "day": ""})
    waiting = browser.get(answer["Location"]).content.decode()
    analysis = Analysis.objects.get()
    pipeline.run(analysis.pk)
    page = browser.get(answer["Location"]).content.decode()

    assert (analysis.site, analysis.requested_by, analysis.requested_provider) == (site, mona, "AUTO")
    assert "It is being written…" in waiting
    assert "It is being written…" not in page
    assert "Northgate, " in page
    machine = EquipmentFactory._meta.model.objects.get(equipment_code="PUMP-1")
    alert, order = machine.alerts.get(), machine.work_orders.get()
    for record in (alert, order, machine):
        assert f"/{record._meta.model_name}/{record.pk}/change/" in page
    assert "<b>Leaks</b>" not in page
    assert "Rule book (offline)" in page


def test_a_day_nobody_asked_for_says_so(backoffice: BackOffice, mona: User) -> None:
    site_with_a_leak()

    assert "Nobody has asked for this day" in backoffice(mona).get(URL).content.decode()


def test_without_a_site_there_is_nothing_to_tell(backoffice: BackOffice, mona: User) -> None:
    browser = backoffice(mona)

    assert "There is no site yet" in browser.get(URL).content.decode()
    assert browser.post(URL, {}).status_code == 302
    assert not Analysis.objects.exists()


def test_nonsense_and_days_to_come_are_today(backoffice: BackOffice, mona: User) -> None:
    site = site_with_a_leak()
    now = today(site, at=timezone.now())
    browser = backoffice(mona)

    for said in ({"site": "x", "day": "x"}, {"day": (now + timedelta(days=3)).isoformat()}, {}):
        assert browser.get(URL, said).context["chosen"].date == now


def test_a_closed_site_is_not_offered(backoffice: BackOffice, mona: User) -> None:
    site = site_with_a_leak(restricted=True)

    page = backoffice(mona).get(URL, {"site": site.pk})

    assert "Northgate" not in page.content.decode()


def test_what_a_provider_got_wrong_is_said(backoffice: BackOffice, mona: User) -> None:
    site = site_with_a_leak()
    browser = backoffice(mona)
    browser.post(URL, {"site": site.pk})
    analysis = Analysis.objects.get()
    pipeline.run(analysis.pk)
    Analysis.objects.filter(pk=analysis.pk).update(
        needs_review=True, review_reasons=["UNSUPPORTED_NUMBER"], dropped_citations=2
    )

    page = browser.get(URL).content.decode()

    assert "Check this against the records" in page
    assert "It says a number that the facts don&#x27;t have" in page
    assert "2 references to things that don&#x27;t exist were taken out." in page.replace("don't", "don&#x27;t")


def test_the_lists_link_leads_to_the_page(backoffice: BackOffice, mona: User) -> None:
    site = site_with_a_leak()
    browser = backoffice(mona)
    browser.post(URL, {"site": site.pk})
    analysis = Analysis.objects.get()

    answer = browser.get(f"/admin/aiassist/analysis/{analysis.pk}/change/")

    assert answer.status_code == 302
    assert answer["Location"] == f"{URL}?site={site.pk}&day={analysis.day}"


def test_the_page_stays_within_its_budget(backoffice: BackOffice, mona: User) -> None:
    LocationFactory.create(restricted=True)
    site = site_with_a_leak()
    browser = backoffice(mona)
    browser.post(URL, {"site": site.pk})
    pipeline.run(Analysis.objects.get().pk)

    with CaptureQueriesContext(connection) as queries:
        assert browser.get(URL, {"site": site.pk}).status_code == 200

    assert len(queries) <= 30


def test_who_is_no_manager_stays_outside(backoffice: BackOffice, tess: User) -> None:
    assert backoffice(tess).get(URL).status_code == 302
