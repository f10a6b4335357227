from collections.abc import Callable

import pytest
from django.test import Client

from aiassist import pipeline
from aiassist.tests.factories import make_analysis
from equipment.tests.factories import CategoryFactory, EquipmentFactory, FailureModeFactory
from faultreporter.accounts.models import User
from faultreporter.attachments.tests.factories import make_attachment

pytestmark = pytest.mark.django_db
BackOffice = Callable[[User], Client]
URL = "/admin/aiassist/analysis/"


def test_the_page_shows_photo_answer_and_attempts(backoffice: BackOffice, mona: User) -> None:
    category = CategoryFactory.create()
    FailureModeFactory.create(category=category, name="Bearing wear", keywords=["grind"])
    photo = make_attachment()
    analysis = make_analysis(equipment=EquipmentFactory.create(category=category), images=(photo,))
    pipeline.run(analysis.pk)

    page = backoffice(mona).get(f"{URL}{analysis.pk}/change/").content.decode()

    assert f"/admin/attachments/attachment/{photo.pk}/thumbnail" in page
    assert "Bearing wear" in page
    assert "rulebook-2" in page


def test_words_of_strangers_stay_words(backoffice: BackOffice, mona: User) -> None:
    analysis = make_analysis(description="<script>alert(1)</script>")

    page = backoffice(mona).get(f"{URL}{analysis.pk}/change/").content.decode()

    assert "<script>alert(1)</script>" not in page
    assert "There is no answer yet." in page


def test_the_list_is_read_only(backoffice: BackOffice, adam: User) -> None:
    make_analysis()

    assert backoffice(adam).get(URL).status_code == 200
    assert backoffice(adam).get(f"{URL}add/").status_code == 403
