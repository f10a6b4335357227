from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from faultreporter.accounts.models import ApiToken, User


def create(*args: str) -> str:
    output = StringIO()
    call_command("create_api_token", *args, stdout=output)
    return output.getvalue().strip()


def test_it_works(tess: User) -> None:
    plain = create("Tess@example.org", "--name", "gateway")

    token = ApiToken.objects.by_plain(plain)
    assert token is not None
    assert (token.user, token.name, token.scopes, token.expires_at) == (tess, "gateway", ["READ", "WRITE"], None)


def test_limited_in_time_and_scope(tess: User) -> None:
    create(tess.email, "--read-only", "--expires-in-days", "30")

    token = ApiToken.objects.get()
    assert token.is_read_only
    assert token.expires_at is not None
    assert abs(token.expires_at - timezone.now() - timedelta(days=30)) < timedelta(minutes=1)


@pytest.mark.parametrize("change", [{"is_active": False}, {"email": "gone@example.org"}])
def test_for_nobody_there_is_no_token(tess: User, change: dict[str, Any]) -> None:
    User.objects.update(**change)

    with pytest.raises(CommandError, match=r"tess@example\.org"):
        create("tess@example.org")


@pytest.mark.parametrize("days", ["0", "-1", "soon", "1000000"])
def test_days_are_a_number(tess: User, days: str) -> None:
    with pytest.raises(CommandError, match="days"):
        create(tess.email, f"--expires-in-days={days}")


def test_the_first_administrator(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "wide open valve")

    call_command("createsuperuser", "--noinput", email="Adam@example.org", display_name="Adam", verbosity=0)

    adam = User.objects.get(email="adam@example.org")
    assert (adam.role, adam.is_staff, adam.check_password("wide open valve")) == ("ADMIN", True, True)
