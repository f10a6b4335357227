"""Reports without an account: by the code on the machine, off unless switched on, and never more than a few."""

import base64
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from alerts.models import Alert
from alerts.public import network_of
from equipment.labels import report_token
from equipment.models import Equipment
from equipment.tests.factories import EquipmentFactory
from faultreporter.accounts.models import User
from faultreporter.api import ratelimit
from faultreporter.attachments.models import Attachment
from faultreporter.attachments.tests.pictures import photograph
from faultreporter.testing import assert_error
from faultreporter.webhooks.models import WebhookEvent
from faultreporter.webhooks.tests.factories import make_webhook
from locations.tests.factories import LocationFactory

pytestmark = pytest.mark.django_db
URL = "/api/v1/public/fault-reports"
PERSON = {"reporter_name": "Paula", "reporter_contact": "+49 170 1234567"}


@pytest.fixture(autouse=True)
def switched_on(settings: Any, clean_redis: Any) -> None:
    settings.PUBLIC_REPORTS_ENABLED = True


@pytest.fixture
def machine(db: None) -> Equipment:
    site = LocationFactory.create(name="Northgate")
    made: Equipment = EquipmentFactory.create(equipment_name="Lift 2", location=site)
    return made


def body(machine: Equipment, **more: Any) -> dict[str, Any]:
    return {"token": report_token(machine), "description": "The door does not close.", **more}


def test_it_works(api: Any, machine: Equipment) -> None:
    answer = api(None).post(URL, body(machine, **PERSON))

    assert answer.status_code == 201
    assert set(answer.json()["data"]) == {"equipment_name", "place", "received_at"}
    assert answer.json()["data"]["place"] == "Northgate"
    alert = Alert.objects.get()
    assert (alert.source, alert.severity, alert.reported_by, alert.status) == ("PUBLIC", "MEDIUM", None, "OPEN")
    assert alert.description == "The door does not close."
    assert alert.equipment_down is False
    assert alert.events.get().data == {"reporter": {"name": "Paula", "contact": "+49 170 1234567"}}


def test_it_is_off_unless_switched_on(api: Any, client: Any, machine: Equipment, settings: Any, tess: User) -> None:
    settings.PUBLIC_REPORTS_ENABLED = False

    assert_error(api(None).post(URL, body(machine)), 404, "NOT_FOUND")
    assert client.get(f"/r/{report_token(machine)}").status_code == 404
    assert api(tess).get(f"/api/v1/equipment/{machine.pk}/qr-code").json()["data"]["public_report_url"] is None
    assert not Alert.objects.exists()


def test_the_answer_says_nothing_of_what_is_inside(api: Any, machine: Equipment) -> None:
    answers = [api(None).post(URL, body(machine)) for _ in range(2)]

    for answer in answers:
        assert answer.status_code == 201, "nobody learns whether the fault was known"
        for secret in (machine.pk, machine.equipment_code, machine.qr_token, Alert.objects.get().pk):
            assert str(secret) not in answer.content.decode()
        assert "Location" not in answer


def test_a_repeat_counts_on_the_open_alert(api: Any, machine: Equipment) -> None:
    api(None).post(URL, body(machine))
    api(None).post(URL, body(machine, description="Still open!", **PERSON))

    alert = Alert.objects.get()

    assert alert.occurrences == 2
    line = alert.events.get(kind="REPEATED")
    assert (line.note, line.data["reporter"]["name"]) == ("Still open!", "Paula")


@pytest.mark.parametrize(("role", "sees"), [("mona", True), ("adam", True), ("tess", False), ("rita", False)])
def test_who_reported_is_for_managers(api: Any, machine: Equipment, request: Any, role: str, sees: bool) -> None:
    person = request.getfixturevalue(role)
    api(None).post(URL, body(machine, **PERSON))
    alert = Alert.objects.get()

    timeline = api(person).get(f"/api/v1/alerts/{alert.pk}/timeline")
    detail = api(person).get(f"/api/v1/alerts/{alert.pk}")

    assert ("Paula" in timeline.content.decode()) is sees
    assert "Paula" not in detail.content.decode()


def test_the_back_office_shows_managers_whom_to_ask(backoffice: Any, mona: User, api: Any, machine: Equipment) -> None:
    api(None).post(URL, body(machine, **PERSON))

    page = backoffice(mona).get(f"/admin/alerts/alert/{Alert.objects.get().pk}/change/").content.decode()

    assert "Paula, +49 170 1234567" in page


def test_webhooks_are_not_told_who_reported(api: Any, machine: Equipment) -> None:
    make_webhook()

    api(None).post(URL, body(machine, **PERSON))

    assert "Paula" not in str(WebhookEvent.objects.get().data)


class TestToken:
    def test_a_replaced_label_is_revoked(self, api: Any, client: Any, machine: Equipment, mona: User) -> None:
        old = report_token(machine)
        machine.rotate_qr_code(by=mona, at=timezone.now())

        assert_error(api(None).post(URL, {"token": old, "description": "x"}), 410, "QR_REVOKED")
        assert client.get(f"/r/{old}").status_code == 410
        assert api(None).post(URL, body(machine)).status_code == 201

    def test_it_is_good_for_nothing_else(self, api: Any, machine: Equipment, tess: User) -> None:
        token = report_token(machine)

        assert machine.qr_token not in token
        assert_error(api(tess).get("/api/v1/equipment/lookup", {"qr": token}), 404, "NOT_FOUND")
        assert_error(api(None).post(URL, {**body(machine), "token": machine.qr_token}), 404, "NOT_FOUND")

    def test_another_server_key_spoils_no_label(self, machine: Equipment, settings: Any) -> None:
        before = report_token(machine)
        settings.SECRET_KEY = "another key of more than thirty-two letters"

        assert report_token(machine) == before

    @pytest.mark.parametrize("position", [0, 10, 20, 25, 30, 41])
    def test_no_letter_can_be_changed(self, api: Any, machine: Equipment, position: int) -> None:
        token = report_token(machine)
        changed = "A" if token[position] != "A" else "B"

        answer = api(None).post(URL, {**body(machine), "token": token[:position] + changed + token[position + 1 :]})

        assert_error(answer, 404, "NOT_FOUND")

    @pytest.mark.parametrize("token", ["x", "../" * 14, "ä" * 43, "=" * 43, "A" * 43, "A" * 100, "A" * 44])
    def test_nonsense_is_not_found(self, api: Any, client: Any, token: str) -> None:
        assert_error(api(None).post(URL, {"token": token, "description": "x"}), 404, "NOT_FOUND")

    def test_one_machines_signature_is_not_anothers(self, api: Any, machine: Equipment) -> None:
        other = EquipmentFactory.create()
        ours, theirs = (base64.urlsafe_b64decode(report_token(one) + "=") for one in (machine, other))
        mixed = base64.urlsafe_b64encode(ours[:16] + theirs[16:]).decode().rstrip("=")

        assert_error(api(None).post(URL, {"token": mixed, "description": "x"}), 404, "NOT_FOUND")

    def test_a_deleted_machine_has_no_page(self, client: Any, machine: Equipment, mona: User) -> None:
        machine.soft_delete(by=mona, at=timezone.now())

        assert client.get(f"/r/{report_token(machine)}").status_code == 404


class TestLimits:
    def test_of_one_address(self, api: Any, settings: Any) -> None:
        settings.PUBLIC_REPORTS_PER_ADDRESS_PER_HOUR = 2
        answers = [api(None).post(URL, body(EquipmentFactory.create())) for _ in range(3)]

        assert [answer.status_code for answer in answers] == [201, 201, 429]
        assert int(answers[2]["Retry-After"]) > 60
        assert api(None).post(URL, body(EquipmentFactory.create()), REMOTE_ADDR="192.0.2.7").status_code == 201

    def test_of_one_machine(self, api: Any, settings: Any, machine: Equipment) -> None:
        settings.PUBLIC_REPORTS_PER_MACHINE_PER_HOUR = 2
        answers = [api(None).post(URL, body(machine), REMOTE_ADDR=f"192.0.2.{n}") for n in range(3)]

        assert [answer.status_code for answer in answers] == [201, 201, 429]

    def test_nobody_passes_while_nobody_can_count(
        self, api: Any, machine: Equipment, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(ratelimit, "_paused_until", float("inf"))

        assert_error(api(None).post(URL, body(machine)), 429, "RATE_LIMITED")

    def test_an_ipv6_customer_is_one_address(self) -> None:
        assert network_of("2001:db8:1:2:3::4") == network_of("2001:db8:1:2:ffff::1") == "2001:db8:1:2::/64"
        assert network_of("192.0.2.1") != network_of("192.0.2.2")


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"description": ""}, "description"), ({"description": "x" * 2001}, "description"), ({"title": 5}, "title"),
        ({"severity": "CRITICAL"}, "severity"), ({"description": "a\x00"}, ""), ({"photo": "x"}, "photo"),
    ],
)  # fmt: skip
def test_what_is_refused(api: Any, machine: Equipment, wrong: dict[str, Any], field: str) -> None:
    answer = api(None).post(URL, body(machine, **wrong))

    assert answer.status_code == 400
    assert not Alert.objects.exists()


def test_a_photograph_comes_along(api: Any, machine: Equipment) -> None:
    photo = SimpleUploadedFile("door.jpg", photograph(), content_type="image/jpeg")

    answer = api(None).post(URL, body(machine, photo=photo), format="multipart")

    assert answer.status_code == 201
    attachment = Attachment.objects.get()
    assert attachment.uploaded_by is None
    assert list(Alert.objects.get().attachments.all()) == [attachment]


def test_what_is_no_photograph_is_refused(api: Any, machine: Equipment) -> None:
    photo = SimpleUploadedFile("door.jpg", b"<svg onload=alert(1)>", content_type="image/jpeg")

    assert_error(api(None).post(URL, body(machine, photo=photo), format="multipart"), 422, "IMAGE_REJECTED")
    assert not Alert.objects.exists()


class TestPage:
    def test_it_works(self, client: Any, machine: Equipment) -> None:
        address = f"/r/{report_token(machine)}"

        page = client.get(address)
        sent = client.post(address, {"description": "The door does not close.", "name": "Paula"})
        thanks = client.get(sent["Location"])

        assert "Lift 2" in page.content.decode()
        assert "Northgate" in page.content.decode()
        assert sent.status_code == 303
        assert "Thank you" in thanks.content.decode()
        assert Alert.objects.get().events.get().data == {"reporter": {"name": "Paula"}}

    def test_its_policy_lets_nothing_in(self, client: Any, machine: Equipment) -> None:
        page = client.get(f"/r/{report_token(machine)}")

        policy = page["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "form-action 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert "script-src" not in policy
        assert "<script" not in page.content.decode()
        assert page["Referrer-Policy"] == "no-referrer"
        assert "no-store" in page["Cache-Control"]
        assert not page.cookies

    def test_it_needs_no_cookie_to_be_sent(self, machine: Equipment) -> None:
        answer = Client(enforce_csrf_checks=True).post(f"/r/{report_token(machine)}", {"description": "x"})

        assert answer.status_code == 303

    def test_what_is_wrong_is_said_in_words_and_kept(self, client: Any, machine: Equipment) -> None:
        page = client.post(f"/r/{report_token(machine)}", {"description": " ", "name": "Paula <b>"})

        assert page.status_code == 400
        assert "Say in a few words what is wrong." in page.content.decode()
        assert "Paula &lt;b&gt;" in page.content.decode()

    def test_a_file_that_is_no_photograph(self, client: Any, machine: Equipment) -> None:
        form = {"description": "x", "photo": SimpleUploadedFile("a.jpg", b"no picture")}

        page = client.post(f"/r/{report_token(machine)}", form)

        assert page.status_code == 422
        assert 'role="alert"' in page.content.decode()

    def test_a_body_that_is_too_large_is_not_read(self, client: Any, machine: Equipment) -> None:
        answer = client.post(f"/r/{report_token(machine)}", {"description": "x"}, CONTENT_LENGTH="999999999")

        assert answer.status_code == 413

    def test_too_many(self, client: Any, machine: Equipment, settings: Any) -> None:
        settings.PUBLIC_REPORTS_PER_MACHINE_PER_HOUR = 1
        client.post(f"/r/{report_token(machine)}", {"description": "x"})

        page = client.post(f"/r/{report_token(machine)}", {"description": "My long story"})

        assert page.status_code == 429
        assert "My long story" in page.content.decode()
        assert "try again in" in page.content.decode()

    def test_a_code_nobody_made(self, client: Any) -> None:
        page = client.get("/r/" + "A" * 43)

        assert page.status_code == 404
        assert "This code belongs to no machine." in page.content.decode()

    def test_a_restricted_sites_machine_may_be_reported_too(self, client: Any) -> None:
        site = LocationFactory.create(open_to_all=False)
        machine = EquipmentFactory.create(location=site)

        assert client.post(f"/r/{report_token(machine)}", {"description": "x"}).status_code == 303


def test_the_code_is_given_out_with_the_label(api: Any, tess: User, machine: Equipment, settings: Any) -> None:
    data = api(tess).get(f"/api/v1/equipment/{machine.pk}/qr-code").json()["data"]

    assert data["public_report_url"] == f"{settings.PUBLIC_URL}/r/{report_token(machine)}"
