"""What every page of the back office has from its base."""

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from equipment.models import Category
from equipment.tests.factories import CategoryFactory
from faultreporter.accounts.models import User
from faultreporter.audit.models import AuditLog

pytestmark = pytest.mark.django_db
LIST = "/admin/equipment/category/"
NO_INLINES = {"failure_modes-TOTAL_FORMS": "0", "failure_modes-INITIAL_FORMS": "0"}
Backoffice = Callable[[User], Any]


def test_lists_show_the_living_until_one_asks(backoffice: Backoffice, mona: User) -> None:
    CategoryFactory(name="Pump")
    CategoryFactory(name="Windmill").soft_delete(by=mona, at=timezone.now())
    browser = backoffice(mona)

    assert b"Windmill" not in browser.get(LIST).content
    assert b"Windmill" in browser.get(LIST, {"deleted": "too"}).content
    assert b"Pump" not in browser.get(LIST, {"deleted": "only"}).content.split(b"changelist-form")[-1]


def test_a_duplicate_is_said_in_words(backoffice: Backoffice, mona: User) -> None:
    CategoryFactory(code="PUMP")

    answer = backoffice(mona).post(f"{LIST}add/", {"code": "PUMP", "name": "Pump", **NO_INLINES}, follow=True)

    assert answer.status_code == 200
    assert Category.objects.count() == 1
    assert b"Another category has this code." in answer.content


def test_a_change_is_audited_with_its_person(backoffice: Backoffice, mona: User) -> None:
    backoffice(mona).post(f"{LIST}add/", {"code": "FAN", "name": "Fan", **NO_INLINES})

    row = AuditLog.objects.get(entity_type="equipment_categories")
    assert (row.actor_id, row.source) == (mona.pk, "ADMIN")


def test_deleting_is_soft(backoffice: Backoffice, mona: User) -> None:
    category = CategoryFactory()

    backoffice(mona).post(f"{LIST}{category.pk}/delete/", {"post": "yes"})

    assert Category.objects.get().is_deleted


def test_technicians_stay_outside(backoffice: Backoffice, tess: User) -> None:
    assert backoffice(tess).get(LIST).status_code == 302
