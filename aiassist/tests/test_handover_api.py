"""Handovers over the API: asking, waiting, reading, and who sees them."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from aiassist import pipeline
from aiassist.handover.gathering import today
from aiassist.models import Analysis
from aiassist.tests import provider_server as script
from aiassist.tests.provider_server import ProviderServer
from alerts.tests.factories import AlertFactory
from alerts.tests.test_budgets import cost
from equipment.tests.factories import EquipmentFactory
from faultreporter.accounts.models import User
from faultreporter.testing import assert_error
from locations.tests.factories import LocationFactory, SiteMembershipFactory

pytestmark = pytest.mark.django_db
URL = "/api/v1/ai/handovers"


def site_with_a_leak(**fields: Any) -> Any:
    site = LocationFactory.create(name="Northgate", **fields)
    pump = EquipmentFactory.create(location=site, equipment_code="PUMP-1", equipment_name="Pump 1")
    AlertFactory.create(equipment=pump, title="Leaks")
    return site


@pytest.fixture
def with_openai(settings: Any) -> Iterator[ProviderServer]:
    """A server where OPENAI has a key."""
    server = ProviderServer()
    openai = {"api_key": "k", "base_url": f"{server.url}/v1", "model": "gpt-test"}
    settings.AI_PROVIDERS = {**settings.AI_PROVIDERS, "OPENAI": openai}
    yield server
    server.stop()


def written(**changes: Any) -> str:
    item = {"text": "Pump 1 leaks.", "citations": [{"kind": "MACHINE", "reference": "PUMP-1"}]}
    usual = {"headline": "A leak", "summary": "Pump 1 leaks.", "sections": [{"topic": "ALERTS", "items": [item]}]}
    return json.dumps(usual | changes)


def test_it_works(api: Any, tess: User) -> None:
    site = site_with_a_leak()

    response = api(tess).post(URL, {"location_id": str(site.pk)})

    data = response.json()["data"]
    assert response.status_code == 202, data
    assert response["Location"] == f"{URL}/{data['id']}"
    assert (data["status"], data["date"]) == ("PENDING", today(site, at=timezone.now()).isoformat())
    assert (data["location_name"], data["headline"], data["result"]) == ("Northgate", None, None)

    pipeline.run(UUID(data["id"]))
    found = api(tess).get(response["Location"]).json()["data"]
    assert (found["status"], found["provider"], found["needs_review"]) == ("SUCCEEDED", "RULEBOOK", False)
    assert found["headline"].endswith(": 1 alert open.")
    assert found["result"]["sections"][0]["items"][0]["text"].startswith("Open, medium: Leaks on PUMP-1 Pump 1")
    assert found["attempts"][0]["outcome"] == "ANSWERED"


def test_a_provider_writes_it_in_the_same_form(with_openai: ProviderServer, api: Any, mona: User) -> None:
    with_openai.behaviour = script.reply(script.openai_text(written()))
    site = site_with_a_leak()

    data = api(mona).post(URL, {"location_id": str(site.pk), "provider": "openai"}).json()["data"]
    pipeline.run(UUID(data["id"]))

    found = api(mona).get(f"{URL}/{data['id']}").json()["data"]
    assert (found["provider"], found["model_name"], found["prompt_version"]) == ("OPENAI", "gpt-test", "handover/v1")
    assert (found["headline"], found["review_reasons"]) == ("A leak", [])
    body = with_openai.requests[0][2]
    assert body["text"]["format"]["name"] == "handover"
    assert "shift handover" in body["instructions"]
    assert '"title":"Leaks"' in body["input"][0]["content"][0]["text"]


def test_what_a_provider_invents_is_taken_out_and_told(with_openai: ProviderServer, api: Any, mona: User) -> None:
    item = {
        "text": "Pump 1 lost 815 litres.",
        "citations": [{"kind": "ORDER", "reference": "WO-1"}, {"kind": "MACHINE", "reference": "PUMP-9"}],
    }
    with_openai.behaviour = script.reply(script.openai_text(written(sections=[{"topic": "ALERTS", "items": [item]}])))
    site = site_with_a_leak()

    data = api(mona).post(URL, {"location_id": str(site.pk), "provider": "OPENAI"}).json()["data"]
    pipeline.run(UUID(data["id"]))

    found = api(mona).get(f"{URL}/{data['id']}").json()["data"]
    assert found["review_reasons"] == ["UNSUPPORTED", "UNSUPPORTED_NUMBER"]
    assert found["dropped_citations"] == 2
    assert found["result"]["sections"][0]["items"][0]["citations"] == []


def test_an_answer_of_another_form_is_of_no_use(with_openai: ProviderServer, api: Any, mona: User) -> None:
    with_openai.behaviour = script.reply(script.openai_text('{"headline": "All is well"}'))
    site = site_with_a_leak()

    data = (
        api(mona).post(URL, {"location_id": str(site.pk), "provider": "OPENAI", "allow_fallback": True}).json()["data"]
    )
    pipeline.run(UUID(data["id"]))

    found = api(mona).get(f"{URL}/{data['id']}").json()["data"]
    assert (found["status"], found["provider"]) == ("SUCCEEDED", "RULEBOOK")
    assert found["attempts"][0]["outcome"] == "INVALID"


def test_lists_are_narrowed_by_site_and_day(api: Any, tess: User) -> None:
    site, other = site_with_a_leak(), LocationFactory.create()
    day = today(site, at=timezone.now())
    before = day - timedelta(days=1)
    for place, date in ((site, day), (site, before), (other, day)):
        api(tess).post(URL, {"location_id": str(place.pk), "date": date.isoformat()})

    found = api(tess).get(URL, {"location_id": str(site.pk), "date": before.isoformat()}).json()["data"]

    assert [(one["location_id"], one["date"]) for one in found] == [(str(site.pk), before.isoformat())]
    assert len(api(tess).get(URL).json()["data"]) == 3


def test_faults_and_handovers_have_lists_of_their_own(api: Any, mona: User) -> None:
    site = site_with_a_leak()
    handover = api(mona).post(URL, {"location_id": str(site.pk)}).json()["data"]["id"]
    fault = api(mona).post("/api/v1/ai/analyze-fault", {"description": "It leaks"}).json()["data"]["id"]
    pipeline.run(UUID(handover))

    assert [one["id"] for one in api(mona).get(URL).json()["data"]] == [handover]
    assert [one["id"] for one in api(mona).get("/api/v1/ai/analyses").json()["data"]] == [fault]
    assert_error(api(mona).get(f"{URL}/{fault}"), 404, "NOT_FOUND")
    assert_error(api(mona).get(f"/api/v1/ai/analyses/{handover}"), 404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "location_id"),
        ({"location_id": "018f0000-0000-7000-8000-000000000000"}, "location_id"),
        ({"location_id": "room"}, "location_id"),
        ({"location_id": "site", "date": "tomorrow"}, "date"),
        ({"location_id": "site", "date": "yes"}, "date"),
        ({"location_id": "site", "provider": "CLAUDE"}, "provider"),
    ],
)
def test_a_bad_question_names_its_field(api: Any, tess: User, body: dict[str, Any], field: str) -> None:
    room = LocationFactory.create(room=True)
    tomorrow = today(room, at=timezone.now()) + timedelta(days=1)
    said = {"room": str(room.pk), "site": str(room.site_id), "tomorrow": tomorrow.isoformat()}

    response = api(tess).post(URL, {name: said.get(value, value) for name, value in body.items()})

    assert_error(response, 400, "VALIDATION_ERROR", field=field)
    assert not Analysis.objects.exists()


def test_today_is_the_sites(api: Any, tess: User) -> None:
    """Somewhere it is always another day than here."""
    for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago"):
        site = LocationFactory.create(time_zone=zone)

        data = api(tess).post(URL, {"location_id": str(site.pk)}).json()["data"]

        assert data["date"] == today(site, at=timezone.now()).isoformat()


def test_a_closed_site_is_for_its_members(api: Any, tess: User, olga: User) -> None:
    site = site_with_a_leak(restricted=True)
    SiteMembershipFactory.create(user=tess, site=site)

    made = api(tess).post(URL, {"location_id": str(site.pk)})

    assert made.status_code == 202
    assert_error(api(olga).post(URL, {"location_id": str(site.pk)}), 400, "VALIDATION_ERROR", field="location_id")
    assert_error(api(olga).get(made["Location"]), 404, "NOT_FOUND")
    assert api(olga).get(URL).json()["data"] == []


def test_who_only_reports_faults_takes_no_shift(api: Any, rita: User) -> None:
    site = site_with_a_leak()

    assert_error(api(rita).post(URL, {"location_id": str(site.pk)}), 403, "PERMISSION_DENIED")
    assert_error(api(rita).get(URL), 403, "PERMISSION_DENIED")


def test_budgets(api: Any, olga: User, tess: User) -> None:
    LocationFactory.create(restricted=True)
    site = site_with_a_leak()
    for _ in range(3):
        location = api(tess).post(URL, {"location_id": str(site.pk)})["Location"]
    pipeline.run(UUID(location.rsplit("/", 1)[-1]))

    assert cost(lambda: api(olga).get(URL, {"page_size": 2})) <= 4
    assert cost(lambda: api(olga).get(location)) <= 5
    assert cost(lambda: api(olga).post(URL, {"location_id": str(site.pk)})) <= 8


def test_it_is_told_to_who_asked_when_it_is_done(api: Any, tess: User) -> None:
    site = site_with_a_leak()
    data = api(tess).post(URL, {"location_id": str(site.pk)}).json()["data"]

    pipeline.run(UUID(data["id"]))

    line = api(tess).get("/api/v1/me/notifications").json()["data"][0]
    assert (line["title"], line["body"][:10]) == ("Analysis ready: Northgate", "Northgate,")
