from io import StringIO

import pytest
from django.core.management import call_command
from django.utils import timezone

from equipment.catalogue import GENERAL, KINDS, MODES
from equipment.models import Category, FailureMode
from equipment.models.catalogue import validate_code
from faultreporter.accounts.models import User

pytestmark = pytest.mark.django_db


def test_the_catalogue_is_sound() -> None:
    modes = [*GENERAL, *(mode for modes in MODES.values() for mode in modes)]
    codes = [mode.code for mode in modes]

    assert len(codes) == len(set(codes))
    assert set(MODES) == {kind.code for kind in KINDS}
    for mode in modes:
        validate_code(mode.code)
        assert mode.keywords == mode.keywords.lower()
        assert max(map(len, mode.keywords.split(", "))) <= 50


def test_a_new_installation_gets_all_of_it_once() -> None:
    call_command("load_catalogue", stdout=StringIO())
    again = StringIO()
    call_command("load_catalogue", stdout=again)

    chiller = Category.objects.get(code="CHILLER")
    leak = chiller.failure_modes.get(code="CHILLER-REFRIGERANT-LEAK")
    assert "hissing" in leak.keywords
    assert FailureMode.objects.filter(category=None).count() == len(GENERAL)
    assert again.getvalue().strip() == "Added 0 records."


def test_what_people_changed_or_deleted_stays_so(mona: User) -> None:
    call_command("load_catalogue", stdout=StringIO())
    FailureMode.objects.filter(code="PUMP-BEARING").update(name="Ours")
    FailureMode.objects.get(code="GEN-DAMAGE").soft_delete(by=mona, at=timezone.now())

    call_command("load_catalogue", stdout=StringIO())

    assert FailureMode.objects.get(code="PUMP-BEARING").name == "Ours"
    assert not FailureMode.objects.living().filter(code="GEN-DAMAGE").exists()
