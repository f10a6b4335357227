import threading
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from aiassist import pipeline, waiting
from aiassist.models import Analysis, AnalysisAttempt, ModelCheck
from aiassist.serializers import attachment_id_in
from aiassist.tests import provider_server as script
from aiassist.tests.factories import make_analysis
from aiassist.tests.provider_server import ProviderServer
from aiassist.waiting import preferred_wait
from alerts.services import report_fault
from alerts.tests.factories import AlertFactory
from equipment.tests.factories import CategoryFactory, EquipmentFactory, FailureModeFactory
from faultreporter.accounts.models import User
from faultreporter.attachments.tests.factories import make_attachment
from faultreporter.attachments.tests.pictures import PDF
from faultreporter.outbox.models import OutboxMessage
from faultreporter.testing import assert_error
from locations.tests.factories import LocationFactory

pytestmark = pytest.mark.django_db
Api = Callable[[User | None], APIClient]
ASK = "/api/v1/ai/analyze-fault"
ANALYSES = "/api/v1/ai/analyses"


def fan() -> Any:
    category = CategoryFactory.create(code="FAN", name="Fan")
    FailureModeFactory.create(category=category, code="BEARING", name="Bearing wear", keywords=["grinding"])
    return EquipmentFactory.create(equipment_name="Fan 1", category=category)


def secret_machine() -> Any:
    return EquipmentFactory.create(location=LocationFactory.create(restricted=True))


class Worker(threading.Thread):
    """Stands in for relay, broker and worker: runs whatever the outbox holds until it is stopped."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.stopped = threading.Event()

    def run(self) -> None:
        done: set[int] = set()
        while not self.stopped.wait(0.02):
            for message in OutboxMessage.objects.exclude(pk__in=done).filter(task="aiassist.tasks.run_analysis"):
                pipeline.run(UUID(message.payload["analysis_id"]))
                done.add(message.pk)
        connection.close()


@pytest.fixture
def worker(transactional_db: None) -> Iterator[Worker]:
    worker = Worker()
    worker.start()
    yield worker
    worker.stopped.set()
    worker.join()


# Asking --------------------------------------------------------------------------------------------------------------


def test_it_works(api: Api, rita: User) -> None:
    machine, photo = fan(), make_attachment(by=rita)
    body = {
        "provider": "auto",
        "attachment_ids": [str(photo.pk)],
        "equipment_id": str(machine.pk),
        "description": "grinding",
    }

    response = api(rita).post(ASK, body)

    data = response.json()["data"]
    assert response.status_code == 202, response.json()
    assert response["Location"] == f"{ANALYSES}/{data['id']}"
    assert (data["status"], data["requested_provider"], data["result"]) == ("PENDING", "AUTO", None)
    assert data["attachment_ids"] == [str(photo.pk)]

    pipeline.run(UUID(data["id"]))
    found = api(rita).get(response["Location"]).json()["data"]
    assert (found["status"], found["provider"], found["severity"]) == ("SUCCEEDED", "RULEBOOK", "MEDIUM")
    assert found["detected_issues"] == ["Bearing wear"]
    assert found["recommendations"] == ["Inspect the machine for: Bearing wear."]
    assert "did not look at the photographs" in found["analysis"]
    assert 0 < found["confidence"] < 1
    assert found["result"]["issues"][0]["failure_mode"] == "BEARING"
    assert found["attempts"][0]["outcome"] == "ANSWERED"


def test_uploads_may_be_named_by_their_own_addresses(api: Api, rita: User) -> None:
    first, second = make_attachment(by=rita), make_attachment(by=rita)
    urls = [f"http://testserver{second.file_path}", first.file_path, f"/api/v1/attachments/{second.pk}"]

    data = api(rita).post(ASK, {"image_urls": urls}).json()["data"]

    assert data["attachment_ids"] == [str(second.pk), str(first.pk)]


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/api/v1/attachments/018f0000-0000-7000-8000-000000000000/file",
        "http://169.254.169.254/latest/meta-data/",
        "file:///etc/passwd",
        "//evil.example/api/v1/attachments/018f0000-0000-7000-8000-000000000000",
        "http://testserver@evil.example/api/v1/attachments/018f0000-0000-7000-8000-000000000000",
        "http://[::1",
        "/api/v1/attachments/../users",
        "",
    ],
)
def test_any_other_address_is_refused(api: Api, rita: User, url: str) -> None:
    assert attachment_id_in(url, ["testserver"]) is None
    response = api(rita).post(ASK, {"image_urls": [url]})

    assert response.status_code == 400
    assert response.json()["error"]["code"] == "VALIDATION_ERROR"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "description"),
        ({"description": "  "}, "description"),
        ({"provider": "CLAUDE", "description": "x"}, "provider"),
        ({"equipment_id": "nonsense", "description": "x"}, "equipment_id"),
        ({"equipment_id": "018f0000-0000-7000-8000-000000000000", "description": "x"}, "equipment_id"),
        ({"alert_id": "018f0000-0000-7000-8000-000000000000"}, "alert_id"),
        ({"attachment_ids": ["018f0000-0000-7000-8000-000000000000"]}, "attachment_ids[0]"),
        ({"image_urls": ["/x"], "description": "x"}, "image_urls[0]"),
        ({"description": "x" * 5000}, "description"),
    ],
)
def test_a_bad_question_names_its_field(api: Api, rita: User, body: dict[str, Any], field: str) -> None:
    assert_error(api(rita).post(ASK, body), 400, "VALIDATION_ERROR", field=field)

    assert not Analysis.objects.exists()


def test_an_unknown_field_is_refused(api: Api, rita: User) -> None:
    assert_error(api(rita).post(ASK, {"description": "x", "model": "gpt"}), 400, "UNKNOWN_FIELD", field="model")


def test_a_pdf_is_no_photograph(api: Api, rita: User) -> None:
    manual = make_attachment(by=rita, content=PDF)

    assert_error(
        api(rita).post(ASK, {"attachment_ids": [str(manual.pk)]}), 400, "VALIDATION_ERROR", "attachment_ids[0]"
    )


def test_an_alert_brings_its_machine_and_photographs(api: Api, rita: User) -> None:
    photo, manual = make_attachment(by=rita), make_attachment(by=rita, content=PDF)
    alert = AlertFactory.create(equipment=fan(), attachments=[photo, manual])

    data = api(rita).post(ASK, {"alert_id": str(alert.pk)}).json()["data"]

    assert (data["equipment_id"], data["attachment_ids"]) == (str(alert.equipment_id), [str(photo.pk)])


def test_an_alert_about_another_machine_contradicts(api: Api, rita: User) -> None:
    body = {"alert_id": str(AlertFactory.create().pk), "equipment_id": str(fan().pk)}

    assert_error(api(rita).post(ASK, body), 400, "VALIDATION_ERROR", field="equipment_id")


def test_a_provider_without_a_key_is_unavailable_at_once(api: Api, rita: User) -> None:
    response = api(rita).post(ASK, {"provider": "Grok", "description": "x"})

    assert_error(response, 503, "AI_PROVIDER_UNAVAILABLE")
    assert response["Retry-After"]
    assert not Analysis.objects.exists()


def test_what_is_out_of_sight_cannot_be_asked_about(api: Api, olga: User) -> None:
    body = {"equipment_id": str(secret_machine().pk), "description": "x"}

    assert_error(api(olga).post(ASK, body), 400, "VALIDATION_ERROR", field="equipment_id")


def test_a_stranger_is_refused(api: Api) -> None:
    assert_error(api(None).post(ASK, {"description": "x"}), 401, "UNAUTHENTICATED")
    assert_error(api(None).get(ANALYSES), 401, "UNAUTHENTICATED")


def test_a_retried_question_is_asked_once(api: Api, rita: User) -> None:
    headers = {"Idempotency-Key": "q-1"}

    first = api(rita).post(ASK, {"description": "x"}, headers=headers)
    second = api(rita).post(ASK, {"description": "x"}, headers=headers)

    assert first.json()["data"]["id"] == second.json()["data"]["id"]
    assert second["Idempotency-Replayed"] == "true"
    assert Analysis.objects.count() == OutboxMessage.objects.count() == 1


def test_asking_costs_few_queries(api: Api, rita: User) -> None:
    body = {"equipment_id": str(fan().pk), "description": "x"}
    client = api(rita)

    with CaptureQueriesContext(connection) as queries:
        client.post(ASK, body)

    asked = [q["sql"] for q in queries if "SAVEPOINT" not in q["sql"] and "set_config" not in q["sql"]]
    assert len(asked) <= 8, asked


# Waiting -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("", 0), ("wait=10", 10), ("respond-async, wait=5", 5), ("wait = 7; foo", 7), ("wait=9999", 25), ("wait=-1", 0),
     ("wait=x", 0), ("await=10", 0)],
)  # fmt: skip
def test_a_preference_is_understood(header: str, seconds: float) -> None:
    assert preferred_wait(header) == seconds


@pytest.mark.django_db(transaction=True)
def test_who_waits_gets_the_result(api: Api, rita: User, worker: Worker) -> None:
    body = {"equipment_id": str(fan().pk), "description": "grinding"}

    response = api(rita).post(ASK, body, headers={"Prefer": "wait=10", "Idempotency-Key": "w-1"})
    again = api(rita).post(ASK, body, headers={"Prefer": "wait=10", "Idempotency-Key": "w-1"})

    data = response.json()["data"]
    assert (response.status_code, data["status"]) == (200, "SUCCEEDED")
    assert response["Location"] == f"{ANALYSES}/{data['id']}"
    assert response["Preference-Applied"] == "wait=10"
    assert (again.status_code, again.json()["data"]) == (200, data)
    assert again["Idempotency-Replayed"] == "true"


@pytest.mark.django_db(transaction=True)
def test_who_waits_in_vain_gets_the_promise(api: Api, rita: User) -> None:
    response = api(rita).post(ASK, {"description": "x"}, headers={"Prefer": "wait=1"})

    assert response.status_code == 202
    assert response["Location"]


@pytest.mark.django_db(transaction=True)
def test_one_waits_at_a_time(api: Api, rita: User) -> None:
    started = timezone.now()

    with waiting.seat:
        response = api(rita).post(ASK, {"description": "x"}, headers={"Prefer": "wait=20"})

    assert response.status_code == 202
    assert (timezone.now() - started).total_seconds() < 10


@pytest.mark.django_db(transaction=True)
def test_who_waits_learns_of_a_failure(api: Api, rita: User, worker: Worker, settings: Any) -> None:
    server = ProviderServer()
    server.behaviour = script.status(401)
    openai = {"api_key": "k", "base_url": f"{server.url}/v1", "model": "m"}
    settings.AI_PROVIDERS = {**settings.AI_PROVIDERS, "OPENAI": openai}

    response = api(rita).post(ASK, {"provider": "OPENAI", "description": "x"}, headers={"Prefer": "wait=20"})

    server.stop()
    error = assert_error(response, 502, "AI_PROVIDER_ERROR")
    assert error["meta"]["failure_code"] == "AI_PROVIDER_REJECTED"
    assert Analysis.objects.get().pk == UUID(error["meta"]["analysis_id"])


# Reading -------------------------------------------------------------------------------------------------------------


def test_a_reporter_reads_their_own(api: Api, rita: User, tess: User) -> None:
    own, other = make_analysis(by=rita), make_analysis(by=tess)

    listed = api(rita).get(ANALYSES).json()["data"]

    assert [row["id"] for row in listed] == [str(own.pk)]
    assert_error(api(rita).get(f"{ANALYSES}/{other.pk}"), 404, "NOT_FOUND")


def test_a_handler_reads_those_of_machines_in_sight(api: Api, rita: User, tess: User, adam: User) -> None:
    visible = make_analysis(by=rita, equipment=fan())
    hidden = make_analysis(by=adam, equipment=secret_machine())

    assert [row["id"] for row in api(tess).get(ANALYSES).json()["data"]] == [str(visible.pk)]
    assert_error(api(tess).get(f"{ANALYSES}/{hidden.pk}"), 404, "NOT_FOUND")
    assert api(adam).get(f"{ANALYSES}/{hidden.pk}").status_code == 200


def test_filters_narrow_the_list(api: Api, tess: User) -> None:
    machine = fan()
    done = make_analysis(by=tess, equipment=machine, description="grinding")
    pipeline.run(done.pk)
    make_analysis(by=tess)
    client = api(tess)

    for query in (
        {"status": "succeeded"},
        {"provider": "RULEBOOK,OPENAI"},
        {"equipment_id": str(machine.pk)},
        {"severity": "MEDIUM"},
        {"status": "SUCCEEDED", "needs_review": "false"},
    ):
        assert [row["id"] for row in client.get(ANALYSES, query).json()["data"]] == [str(done.pk)], query
    assert_error(client.get(ANALYSES, {"colour": "red"}), 400, "INVALID_PARAMETER", field="colour")


def test_an_unchanged_analysis_is_not_sent_again(api: Api, tess: User) -> None:
    url = f"{ANALYSES}/{make_analysis(by=tess).pk}"
    tag = api(tess).get(url)["ETag"]

    assert api(tess).get(url, headers={"If-None-Match": tag}).status_code == 304


def test_reading_costs_few_queries(api: Api, tess: User) -> None:
    photo = make_attachment()
    analyses = [make_analysis(by=tess, images=(photo,), equipment=fan() if n == 0 else None) for n in range(5)]
    client = api(tess)

    with CaptureQueriesContext(connection) as listing:
        client.get(ANALYSES)
    with CaptureQueriesContext(connection) as detail:
        client.get(f"{ANALYSES}/{analyses[0].pk}")

    assert len(listing) <= 4
    assert len(detail) <= 5


# Around it -----------------------------------------------------------------------------------------------------------


def test_a_report_that_asks_for_it_is_analysed(rita: User) -> None:
    photo = make_attachment(by=rita)

    alert, _ = report_fault(
        equipment=fan(), title="Grinding", by=rita, at=timezone.now(), attachments=[photo], analyze=True
    )

    analysis = Analysis.objects.get()
    assert (analysis.alert, analysis.equipment, analysis.requested_by) == (alert, alert.equipment, rita)
    assert [row.attachment for row in analysis.image_rows.all()] == [photo]
    pipeline.run(analysis.pk)
    analysis.refresh_from_db()
    assert analysis.result
    assert analysis.result["issues"][0]["failure_mode"] == "BEARING"


def test_a_report_that_does_not_ask_is_left_alone(rita: User) -> None:
    AlertFactory.create()

    assert not Analysis.objects.exists()


def test_a_photograph_under_analysis_cannot_be_deleted(api: Api, rita: User) -> None:
    photo = make_attachment(by=rita)
    make_analysis(by=rita, images=(photo,))

    assert_error(api(rita).delete(f"/api/v1/attachments/{photo.pk}"), 409, "HAS_CHILDREN")


def test_the_providers_are_listed(api: Api, rita: User, settings: Any) -> None:
    settings.AI_PROVIDERS = {**settings.AI_PROVIDERS, "GEMINI": {"api_key": "k", "base_url": "", "model": "m"}}
    analysis = make_analysis()
    for number in range(3):
        AnalysisAttempt.objects.create(
            analysis=analysis, number=number, provider="GEMINI", started_at=timezone.now(), finished_at=timezone.now(),
            outcome="TIMEOUT",
        )  # fmt: skip

    rows = {row["name"]: row for row in api(rita).get("/api/v1/ai/providers").json()["data"]}

    assert {name: row["configured"] for name, row in rows.items()} == {
        "OPENAI": False, "GEMINI": True, "GROK": False, "RULEBOOK": True,
    }  # fmt: skip
    assert {name for name, row in rows.items() if row["healthy"]} == {"RULEBOOK"}
    assert not rows["RULEBOOK"]["looks_at_photos"]
    assert (rows["GEMINI"]["label"], rows["GEMINI"]["warning"]) == ("Google Gemini", "")


def test_a_provider_whose_model_is_gone_says_so(api: Api, rita: User, settings: Any) -> None:
    settings.AI_PROVIDERS = {"OPENAI": {"api_key": "k", "model": "gone-1"}}
    for model in ("gone-1", "gone-0"):
        ModelCheck.objects.create(provider="OPENAI", model_name=model, is_offered=False, checked_at=timezone.now())

    rows = api(rita).get("/api/v1/ai/providers").json()["data"]

    warnings = {row["name"]: row["warning"] for row in rows}
    assert "does not offer gone-1 any more" in warnings.pop("OPENAI")
    assert set(warnings.values()) == {""}


def test_an_unknown_analysis_is_not_found(api: Api, tess: User) -> None:
    assert_error(api(tess).get(f"{ANALYSES}/{uuid4()}"), 404, "NOT_FOUND")
