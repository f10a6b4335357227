from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from alerts.tests.factories import AlertFactory
from faultreporter.accounts.models import User
from faultreporter.attachments.models import Attachment
from faultreporter.attachments.tests.factories import make_attachment
from faultreporter.attachments.tests.pictures import PDF, SVG, photograph

pytestmark = pytest.mark.django_db
BackOffice = Callable[[User], Client]
URL = "/admin/attachments/attachment/"


def test_the_list_shows_thumbnails(backoffice: BackOffice, adam: User) -> None:
    attachment = make_attachment(by=adam, name="leak.jpg", content=photograph(size=(1600, 1200)))

    page = backoffice(adam).get(URL)
    thumbnail = backoffice(adam).get(f"{URL}{attachment.pk}/thumbnail")

    assert f"{URL}{attachment.pk}/thumbnail" in page.content.decode()
    assert max(Image.open(BytesIO(thumbnail.content)).size) <= 320


def test_a_file_is_added(backoffice: BackOffice, mona: User) -> None:
    upload = SimpleUploadedFile("plan.png", photograph("PNG"))

    response = backoffice(mona).post(f"{URL}add/", {"upload": upload})

    attachment = Attachment.objects.get()
    assert response.status_code == 302
    assert (attachment.original_name, attachment.uploaded_by, attachment.kind) == ("plan.png", mona, "IMAGE")


def test_what_is_no_photograph_is_refused_on_the_form(backoffice: BackOffice, mona: User) -> None:
    page = backoffice(mona).post(f"{URL}add/", {"upload": SimpleUploadedFile("x.jpg", SVG)})

    assert "not a JPEG, PNG, WebP or HEIC" in page.content.decode()
    assert not Attachment.objects.exists()


def test_a_record_opens_and_its_file_is_a_download(backoffice: BackOffice, adam: User) -> None:
    attachment = make_attachment(by=adam, content=PDF, name="manual.pdf")
    browser = backoffice(adam)

    page = browser.get(f"{URL}{attachment.pk}/change/")
    file: Any = browser.get(f"{URL}{attachment.pk}/file")

    assert page.status_code == 200
    assert attachment.sha256 in page.content.decode()
    assert b"".join(file.streaming_content) == PDF
    assert browser.get(f"{URL}{attachment.pk}/thumbnail").status_code == 404


def test_a_technician_has_no_business_here(backoffice: BackOffice, tess: User) -> None:
    attachment = make_attachment(by=tess)

    assert backoffice(tess).get(f"{URL}{attachment.pk}/file").status_code == 302


def test_a_file_is_deleted_unless_a_record_uses_it(backoffice: BackOffice, adam: User) -> None:
    free, used = make_attachment(by=adam), make_attachment(by=adam)
    AlertFactory.create(attachments=[used])
    browser = backoffice(adam)

    for attachment in (free, used):
        browser.post(f"{URL}{attachment.pk}/delete/", {"post": "yes"})

    assert list(Attachment.objects.all()) == [used]
