"""Following an analysis: its stages, taking the question back, being told of the end."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from aiassist import pipeline, waiting
from aiassist.errors import ClaimLost
from aiassist.models import Analysis
from aiassist.providers.rulebook import RuleBook
from aiassist.tests import provider_server as script
from aiassist.tests.factories import make_analysis
from aiassist.tests.provider_server import ProviderServer
from equipment.tests.factories import CategoryFactory, EquipmentFactory, FailureModeFactory
from faultreporter.accounts.models import User
from faultreporter.notifications.models import Notification
from faultreporter.outbox.models import OutboxMessage
from faultreporter.testing import assert_error
from locations.tests.factories import LocationFactory

pytestmark = pytest.mark.django_db
Api = Callable[[User | None], APIClient]
ANALYSES = "/api/v1/ai/analyses"


def fan(**fields: Any) -> Any:
    category = CategoryFactory.create(code="FAN", name="Fan")
    FailureModeFactory.create(category=category, code="BEARING", name="Bearing wear", keywords=["grinding", "grinds"])
    return EquipmentFactory.create(equipment_name="Fan 1", category=category, **fields)


def news() -> list[dict[str, Any]]:
    rows = OutboxMessage.objects.filter(task="faultreporter.live.tasks.send", payload__kind="analysis").order_by("id")
    return [row.payload["data"] for row in rows]


# Stages --------------------------------------------------------------------------------------------------------------


def test_a_screen_at_the_machine_sees_every_stage(tess: User) -> None:
    machine = fan()
    analysis = make_analysis(by=tess, equipment=machine)

    pipeline.run(analysis.pk)

    told = [(said["status"], said["stage"], said["severity"]) for said in news()]
    assert told[0] == ("RUNNING", "GATHERING", None)
    assert ("RUNNING", "ASKING", None) in told
    assert told[-1] == ("SUCCEEDED", "DONE", "MEDIUM")
    assert {said["id"] for said in news()} == {str(analysis.pk)}
    messages = OutboxMessage.objects.filter(payload__kind="analysis")
    assert {message.payload["equipment_id"] for message in messages} == {str(machine.pk)}


def test_what_is_about_no_machine_is_nobodys_news(tess: User) -> None:
    pipeline.run(make_analysis(by=tess).pk)

    assert news() == []


def test_the_stage_is_in_the_answer(api: Api, tess: User) -> None:
    analysis = make_analysis(by=tess)

    assert api(tess).get(f"{ANALYSES}/{analysis.pk}").json()["data"]["stage"] == "QUEUED"
    held = Analysis.claim(analysis.pk, at=timezone.now())
    assert held is not None
    assert api(tess).get(f"{ANALYSES}/{analysis.pk}").json()["data"]["stage"] == "GATHERING"
    held.begin_attempt(RuleBook(), prompt_version="", at=timezone.now())
    assert api(tess).get(f"{ANALYSES}/{analysis.pk}").json()["data"]["stage"] == "ASKING"


def test_only_the_holder_of_the_claim_moves_it_on() -> None:
    first = Analysis.claim(make_analysis().pk, at=timezone.now() - timedelta(minutes=1))
    assert first is not None
    assert Analysis.claim(first.pk, at=timezone.now())

    with pytest.raises(ClaimLost):
        first.enter("CHECKING", at=timezone.now())


# Cancelling ----------------------------------------------------------------------------------------------------------


def test_who_asked_takes_it_back(api: Api, rita: User) -> None:
    analysis = make_analysis(by=rita)

    response = api(rita).post(f"{ANALYSES}/{analysis.pk}/cancel")

    data = response.json()["data"]
    assert (response.status_code, data["status"], data["stage"]) == (200, "CANCELLED", "DONE")
    analysis.refresh_from_db()
    assert analysis.cancelled_by == rita
    pipeline.run(analysis.pk)
    assert not analysis.attempts.exists()
    assert not Notification.objects.exists()


def test_a_manager_takes_it_back_and_who_asked_hears_of_it(api: Api, rita: User, mona: User) -> None:
    analysis = make_analysis(by=rita)

    assert api(mona).post(f"{ANALYSES}/{analysis.pk}/cancel").status_code == 200

    told = Notification.objects.get()
    assert (told.user, told.title) == (rita, "Analysis cancelled: your question")


def test_others_cannot(api: Api, rita: User, tess: User, olga: User) -> None:
    analysis = make_analysis(by=rita, equipment=fan())

    assert_error(api(tess).post(f"{ANALYSES}/{analysis.pk}/cancel"), 403, "PERMISSION_DENIED")
    analysis.refresh_from_db()
    assert analysis.status == "PENDING"


@pytest.mark.parametrize("state", ["SUCCEEDED", "CANCELLED"])
def test_what_is_finished_cannot_be_cancelled(api: Api, rita: User, state: str) -> None:
    analysis = make_analysis(by=rita)
    if state == "CANCELLED":
        analysis.cancel(by=rita, at=timezone.now())
    else:
        pipeline.run(analysis.pk)

    error = assert_error(api(rita).post(f"{ANALYSES}/{analysis.pk}/cancel"), 409, "INVALID_TRANSITION")

    assert error["meta"] == {"from": state, "to": "CANCELLED", "allowed": []}


def test_cancelling_costs_few_queries(api: Api, rita: User) -> None:
    analysis, client = make_analysis(by=rita, equipment=fan()), api(rita)

    with CaptureQueriesContext(connection) as queries:
        client.post(f"{ANALYSES}/{analysis.pk}/cancel")

    asked = [q["sql"] for q in queries if "SAVEPOINT" not in q["sql"] and "set_config" not in q["sql"]]
    assert len(asked) <= 12, asked


@pytest.mark.django_db(transaction=True)
def test_the_worker_lets_go_of_its_call_within_seconds(tess: User, settings: Any) -> None:
    server, asked = ProviderServer(), threading.Event()

    def hang(handler: Any) -> None:
        asked.set()
        time.sleep(20)

    server.behaviour = hang
    openai = {"api_key": "k", "base_url": f"{server.url}/v1", "model": "m"}
    settings.AI_PROVIDERS = {**settings.AI_PROVIDERS, "OPENAI": openai}
    analysis = make_analysis(by=tess, provider="OPENAI")

    def work() -> None:
        pipeline.run(analysis.pk)
        connection.close()

    worker = threading.Thread(target=work)
    worker.start()
    assert asked.wait(20)
    analysis.cancel(by=tess, at=timezone.now())
    cancelled = time.monotonic()
    worker.join(15)

    assert not worker.is_alive()
    assert time.monotonic() - cancelled < 6
    analysis.refresh_from_db()
    assert analysis.status == "CANCELLED"
    assert list(analysis.attempts.values_list("provider", "outcome")) == [("OPENAI", "CANCELLED")]
    server.stop()


# Being told ----------------------------------------------------------------------------------------------------------


def test_who_asked_is_told_what_it_probably_is(rita: User) -> None:
    analysis = make_analysis(by=rita, equipment=fan())

    pipeline.run(analysis.pk)

    told = Notification.objects.get()
    assert (told.user, told.kind, told.severity) == (rita, "ANALYSIS_FINISHED", "MEDIUM")
    assert (told.title, told.body) == ("Analysis ready: Fan 1", "Bearing wear")
    assert (told.subject_type, told.subject_id) == ("aiassist.analysis", str(analysis.pk))


def test_who_lost_sight_of_the_machine_is_not_told(olga: User) -> None:
    hidden = fan(location=LocationFactory.create(restricted=True))
    pipeline.run(make_analysis(by=olga, equipment=hidden).pk)

    assert not Notification.objects.exists()


def test_who_waits_for_the_answer_needs_no_notification(rita: User) -> None:
    analysis = make_analysis(by=rita)
    Analysis.objects.filter(pk=analysis.pk).update(awaited_until=timezone.now() + timedelta(seconds=20))

    pipeline.run(analysis.pk)

    assert not Notification.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_who_gave_up_waiting_is_told_after_all(rita: User) -> None:
    analysis = make_analysis(by=rita)

    assert not waiting.finished_within(analysis.pk, 0.1)
    pipeline.run(analysis.pk)

    assert Notification.objects.get().user == rita


# Consent -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("body", "allowed"), [
    ({"provider": "AUTO"}, True),
    ({"provider": "AUTO", "allow_fallback": False}, True),
    ({"provider": "RULEBOOK"}, False),
    ({"provider": "RULEBOOK", "allow_fallback": True}, True),
])  # fmt: skip
def test_others_are_asked_only_with_consent(api: Api, rita: User, body: dict[str, Any], allowed: bool) -> None:
    data = api(rita).post("/api/v1/ai/analyze-fault", {"description": "x", **body}).json()["data"]

    assert data["allow_fallback"] is allowed


@pytest.mark.parametrize(("consent", "answered_by"), [(True, "RULEBOOK"), (False, "")])
def test_a_named_provider_falls_back_only_with_consent(settings: Any, consent: bool, answered_by: str) -> None:
    server = ProviderServer()
    server.behaviour = script.status(401)
    openai = {"api_key": "k", "base_url": f"{server.url}/v1", "model": "m"}
    settings.AI_PROVIDERS = {**settings.AI_PROVIDERS, "OPENAI": openai}
    analysis = make_analysis(provider="OPENAI", allow_fallback=consent, equipment=fan())

    pipeline.run(analysis.pk)

    server.stop()
    analysis.refresh_from_db()
    assert analysis.provider == answered_by
