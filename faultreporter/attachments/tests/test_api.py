from collections.abc import Callable
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from PIL import Image
from rest_framework.test import APIClient

from faultreporter.accounts.models import User
from faultreporter.attachments.models import Attachment, plain_name
from faultreporter.attachments.tasks import delete_abandoned
from faultreporter.attachments.tests.factories import make_attachment
from faultreporter.attachments.tests.pictures import PDF, SVG, exif, photograph
from faultreporter.testing import assert_error
from locations.models import Location

pytestmark = pytest.mark.django_db
Api = Callable[[User | None], APIClient]
URL = "/api/v1/attachments"


def upload(client: APIClient, content: bytes, *, name: str = "leak.jpg", **headers: Any) -> Any:
    return client.post(URL, {"file": SimpleUploadedFile(name, content)}, format="multipart", headers=headers)


def site_with_plan(plan: Attachment) -> Location:
    return Location.objects.create(kind="SITE", code="HQ", name="Headquarters", time_zone="UTC", floor_plan=plan)


def test_it_works(api: Api, rita: User) -> None:
    response = upload(api(rita), photograph(exif=exif()), name="pump leak.jpeg")

    data = response.json()["data"]
    assert response.status_code == 201, response.json()
    assert response["Location"] == f"{URL}/{data['id']}"
    assert (data["kind"], data["content_type"], data["width"], data["height"]) == ("IMAGE", "image/jpeg", 64, 48)
    assert data["original_name"] == "pump leak.jpeg"
    assert data["uploaded_by"] == str(rita.pk)
    assert data["url"] == f"{URL}/{data['id']}/file"


def test_the_file_is_a_download_that_a_browser_neither_sniffs_nor_runs(api: Api, rita: User, tess: User) -> None:
    url = upload(api(rita), photograph(), name="leak.heic").json()["data"]["url"]

    response: Any = api(tess).get(url)

    content = b"".join(response.streaming_content)
    assert response.status_code == 200
    assert response["Content-Type"] == "image/jpeg"
    assert response["Content-Disposition"] == 'attachment; filename="leak.jpg"'
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in response["Content-Security-Policy"]
    assert response["Cache-Control"].startswith("private")
    assert Image.open(BytesIO(content)).format == "JPEG"
    assert int(response["Content-Length"]) == len(content)


def test_a_client_may_ask_for_a_jpeg_and_for_nothing_new(api: Api, rita: User) -> None:
    attachment = make_attachment(by=rita)

    as_picture = api(rita).get(attachment.file_path, headers={"Accept": "image/jpeg"})
    again = api(rita).get(attachment.file_path, headers={"If-None-Match": as_picture["ETag"]})
    as_picture.close()

    assert as_picture.status_code == 200
    assert again.status_code == 304


def test_an_error_about_a_file_is_json_whatever_was_asked_for(api: Api, rita: User) -> None:
    url = f"{URL}/018f0000-0000-7000-8000-000000000000/file"

    response = api(rita).get(url, headers={"Accept": "image/jpeg"})

    assert response["Content-Type"] == "application/json"
    assert_error(response, 404, "NOT_FOUND")


def test_a_lost_file_is_not_found(api: Api, rita: User) -> None:
    attachment = make_attachment(by=rita)
    default_storage.delete(str(attachment.file.name))

    assert_error(api(rita).get(attachment.file_path), 404, "NOT_FOUND")


def test_a_pdf_is_kept_as_it_is(api: Api, mona: User) -> None:
    data = upload(api(mona), PDF, name="manual.jpg").json()["data"]

    response: Any = api(mona).get(data["url"], headers={"Accept": "application/pdf"})

    assert (data["kind"], data["width"]) == ("PDF", None)
    assert response["Content-Type"] == "application/pdf"
    assert response["Content-Disposition"] == 'attachment; filename="manual.pdf"'
    assert b"".join(response.streaming_content) == PDF


@pytest.mark.parametrize("content", [b"", SVG, b"GIF89a;alert(1)", photograph()[:100]])
def test_what_is_no_photograph_is_refused_with_a_sentence(api: Api, rita: User, content: bytes) -> None:
    error = assert_error(upload(api(rita), content), 422, "IMAGE_REJECTED", field="file")

    assert error["message"].endswith(".")
    assert not Attachment.objects.exists()


def test_a_file_over_the_limit_is_too_large(api: Api, rita: User, settings: Any) -> None:
    settings.MAX_UPLOAD_BYTES = 2_000

    error = assert_error(upload(api(rita), photograph(size=(1000, 1000))), 413, "PAYLOAD_TOO_LARGE")

    assert error["meta"]["limit_bytes"] == 2_000


def test_a_body_far_over_the_limit_is_refused_unread(api: Api, rita: User, settings: Any) -> None:
    settings.MAX_UPLOAD_BYTES = 2_000

    assert_error(upload(api(rita), b"\xff\xd8\xff" + bytes(300_000)), 413, "PAYLOAD_TOO_LARGE")


def test_the_form_has_one_field(api: Api, rita: User) -> None:
    client = api(rita)

    assert_error(client.post(URL, {}, format="multipart"), 400, "VALIDATION_ERROR", field="file")
    assert_error(client.post(URL, {"file": "text"}, format="multipart"), 400, "VALIDATION_ERROR", field="file")
    body = {"file": SimpleUploadedFile("a.jpg", photograph()), "extra": "1"}
    assert_error(client.post(URL, body, format="multipart"), 400, "UNKNOWN_FIELD", field="extra")
    assert_error(client.post(URL, {"file": "x"}, format="json"), 415, "UNSUPPORTED_MEDIA_TYPE")


def test_a_stranger_is_refused(api: Api, rita: User) -> None:
    attachment = make_attachment(by=rita)

    assert_error(upload(api(None), photograph()), 401, "UNAUTHENTICATED")
    assert_error(api(None).get(attachment.file_path), 401, "UNAUTHENTICATED")


def test_the_list_holds_ones_own(api: Api, rita: User, tess: User) -> None:
    mine = make_attachment(by=rita)
    make_attachment(by=tess)
    make_attachment(by=rita, content=PDF)

    body = api(rita).get(URL, {"kind": "image"}).json()

    assert [row["id"] for row in body["data"]] == [str(mine.pk)]
    assert body["pagination"]["total_count"] == 1


def test_a_retried_upload_is_stored_once(api: Api, rita: User) -> None:
    client, content = api(rita), photograph()

    first = upload(client, content, **{"Idempotency-Key": "k1"})
    second = upload(client, content, **{"Idempotency-Key": "k1"})

    assert first.json()["data"]["id"] == second.json()["data"]["id"]
    assert second["Idempotency-Replayed"] == "true"
    assert Attachment.objects.count() == 1


def test_an_unused_file_is_deleted_with_its_bytes(
    api: Api, rita: User, django_capture_on_commit_callbacks: Any
) -> None:
    attachment = make_attachment(by=rita)
    name = str(attachment.file.name)

    with django_capture_on_commit_callbacks(execute=True):
        response = api(rita).delete(f"{URL}/{attachment.pk}")

    assert response.status_code == 204
    assert not default_storage.exists(name)
    assert not Attachment.objects.exists()


def test_a_file_in_use_is_kept(api: Api, mona: User) -> None:
    plan = make_attachment(by=mona)
    site_with_plan(plan)

    assert_error(api(mona).delete(f"{URL}/{plan.pk}"), 409, "HAS_CHILDREN")

    assert default_storage.exists(str(plan.file.name))


def test_somebody_elses_file_cannot_be_deleted(api: Api, rita: User, mona: User) -> None:
    attachment = make_attachment(by=rita)

    assert_error(api(mona).delete(f"{URL}/{attachment.pk}"), 403, "PERMISSION_DENIED")


def test_uploads_nothing_used_for_a_week_are_thrown_away(rita: User) -> None:
    now = timezone.now()
    old, used = make_attachment(by=rita, at=now - timedelta(days=8)), make_attachment(at=now - timedelta(days=8))
    young = make_attachment(by=rita, at=now - timedelta(days=6))
    site_with_plan(used)

    assert delete_abandoned() == 1

    assert set(Attachment.objects.values_list("pk", flat=True)) == {used.pk, young.pk}
    assert old.pk not in Attachment.objects.in_bulk()


def test_storage_names_say_nothing(rita: User) -> None:
    first, second = make_attachment(by=rita, name="secret-plan.jpg"), make_attachment(by=rita)

    assert "secret" not in str(first.file.name)
    assert first.file.name != second.file.name
    assert str(first.file.name).endswith(".jpg")


@pytest.mark.parametrize(
    ("name", "shown"),
    [("a/b\\c.jpg", "c.jpg"), ("x\x00\r\ny.jpg", "xy.jpg"), ("\u202egpj.exe", "gpj.exe"), ("n" * 300, "n" * 200)],
)
def test_a_name_is_shown_plainly(name: str, shown: str) -> None:
    assert plain_name(name) == shown


def test_a_list_costs_few_queries(api: Api, rita: User) -> None:
    for _ in range(5):
        make_attachment(by=rita)
    client = api(rita)

    with CaptureQueriesContext(
        connection,
    ) as queries:
        client.get(URL)

    assert len(queries) <= 4
