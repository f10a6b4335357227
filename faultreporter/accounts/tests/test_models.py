from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from faultreporter.accounts.access import may
from faultreporter.accounts.errors import LastAdmin
from faultreporter.accounts.models import ApiToken, User
from faultreporter.accounts.tests.factories import UserFactory
from faultreporter.roles import Role

NOW = timezone.now()


class TestUser:
    def test_it_works(self, db: None) -> None:
        user = User.objects.create_user(email=" Tess@Example.ORG ", password="wide open valve", display_name="Tess")

        assert (user.email, user.role, str(user)) == ("tess@example.org", "REPORTER", "Tess")
        assert User.objects.get_by_natural_key("TESS@example.org").check_password("wide open valve")

    def test_without_a_password_there_is_no_login_form(self, db: None) -> None:
        user = User.objects.create_user(email="tess@example.org")

        assert not user.has_usable_password()
        assert str(user) == "tess@example.org"

    def test_a_superuser_is_an_administrator(self, db: None) -> None:
        assert User.objects.create_superuser(email="root@example.org", password="x").role == Role.ADMIN

    def test_an_address_is_one_living_person(self, tess: User) -> None:
        with pytest.raises(IntegrityError, match="uniq_users_email_living"), transaction.atomic():
            UserFactory.create(email="TESS@example.org")

        tess.soft_delete(by=None, at=NOW)
        assert UserFactory.create(email="tess@example.org").email == tess.email

    def test_an_address_is_stored_in_lower_case(self, tess: User) -> None:
        with pytest.raises(IntegrityError, match="check_users_email_lower_case"):
            User.objects.update(email="Tess@example.org")

    def test_a_time_zone_exists(self, tess: User) -> None:
        tess.time_zone = "Europe/Atlantis"
        with pytest.raises(ValidationError, match="Atlantis"):
            tess.full_clean()

    def test_a_deleted_person_is_out_and_their_tokens_with_them(self, tess: User) -> None:
        token, _plain = ApiToken.issue(user=tess, name="demo")
        tess.soft_delete(by=tess, at=NOW)
        tess.soft_delete(by=None, at=NOW)

        tess.refresh_from_db()
        token.refresh_from_db()
        assert (tess.is_active, tess.deleted_by, token.revoked_at) == (False, tess, NOW)
        with pytest.raises(IntegrityError, match="check_users_deleted_is_inactive"):
            User.objects.update(is_active=True)

    def test_a_deleted_person_can_be_brought_back(self, tess: User) -> None:
        tess.soft_delete(by=None, at=NOW)
        tess.restore(by=None, at=NOW)
        tess.amend(by=None, at=NOW, is_active=True)

        assert User.objects.active().get() == tess

    def test_another_address_is_not_verified(self, tess: User) -> None:
        tess.amend(by=None, at=NOW, email="tessa@example.org")

        assert not User.objects.get().email_verified

    @pytest.mark.parametrize("state", [{"is_active": False}, {"is_active": False, "deleted_at": NOW}])
    def test_who_is_out_has_no_password(self, db: None, rf: Any, state: dict[str, Any]) -> None:
        User.objects.create_user(email="mona@example.org", password="wide open valve", role=Role.MANAGER)
        credentials = {
            "request": rf.post("/admin/login/"),
            "username": "mona@example.org",
            "password": "wide open valve",
        }
        assert authenticate(**credentials) is not None

        User.objects.update(**state)

        assert authenticate(**credentials) is None


def test_who_sees_whom(tess: User, rita: User, mona: User, adam: User) -> None:
    assert set(User.objects.for_user(mona)) == set(User.objects.for_user(adam)) == {tess, rita, mona, adam}
    assert set(User.objects.for_user(tess)) == {tess}


@pytest.mark.parametrize(
    ("role", "permission", "expected"),
    [
        ("ADMIN", "accounts.change_user", True),
        ("ADMIN", "equipment.delete_equipment", True),
        ("MANAGER", "equipment.delete_equipment", True),
        ("MANAGER", "accounts.view_user", True),
        ("MANAGER", "accounts.change_user", False),
        ("MANAGER", "accounts.view_apitoken", False),
        ("MANAGER", "audit.view_auditlog", False),
        ("TECHNICIAN", "equipment.view_equipment", False),
        ("REPORTER", "accounts.view_user", False),
    ],
)
def test_what_the_back_office_permits(role: str, permission: str, expected: bool) -> None:
    user = User(role=role)

    assert may(role, permission) is user.has_perm(permission) is user.has_perms([permission]) is expected
    assert not User(role=role, is_active=False).has_perm(permission)


def test_who_enters_the_back_office() -> None:
    assert [User(role=role).is_staff for role in Role.values] == [True, True, False, False]
    assert User(role=Role.MANAGER).has_module_perms("accounts")
    assert not User(role=Role.MANAGER).has_module_perms("audit")


class TestLastAdmin:
    @pytest.mark.parametrize("changes", [{"role": Role.MANAGER}, {"is_active": False}])
    def test_stays(self, adam: User, mona: User, changes: dict[str, Any]) -> None:
        UserFactory.create(role=Role.ADMIN, is_active=False)
        with pytest.raises(LastAdmin):
            adam.amend(by=adam, at=NOW, **changes)

        adam.refresh_from_db()
        assert adam.is_superuser

    def test_cannot_be_deleted(self, adam: User) -> None:
        UserFactory.create(role=Role.ADMIN).soft_delete(by=adam, at=NOW)
        with pytest.raises(LastAdmin):
            adam.soft_delete(by=adam, at=NOW)

        assert User.objects.admins().get() == adam

    def test_can_change_their_name(self, adam: User) -> None:
        adam.amend(by=adam, at=NOW, display_name="Adam the First")

        assert User.objects.get().display_name == "Adam the First"

    def test_may_go_when_there_is_another(self, adam: User) -> None:
        UserFactory.create(role=Role.ADMIN)
        adam.amend(by=adam, at=NOW, role=Role.TECHNICIAN)

        assert User.objects.admins().count() == 1

    @pytest.mark.django_db(transaction=True)
    @pytest.mark.parametrize("_round", range(5))
    @pytest.mark.parametrize("way", ["demote", "delete", "lock first"])
    def test_two_at_once_cannot_both_go(self, way: str, _round: int) -> None:
        admins = [UserFactory.create(role=Role.ADMIN), UserFactory.create(role=Role.ADMIN)]
        ready = Barrier(2, timeout=10)

        def leave(admin: User) -> str:
            try:
                with transaction.atomic():
                    if way == "lock first":  # as the REST base does for If-Match
                        User.objects.select_for_update().get(pk=admin.pk)
                    ready.wait()
                    if way == "delete":
                        admin.soft_delete(by=None, at=NOW)
                    else:
                        admin.amend(by=None, at=NOW, role=Role.MANAGER)
                return "left"
            except LastAdmin:
                return "stayed"
            finally:
                connection.close()

        with ThreadPoolExecutor(2) as pool:
            assert sorted(pool.map(leave, admins)) == ["left", "stayed"]
        assert User.objects.admins().count() == 1


@pytest.mark.django_db(transaction=True)
def test_nobody_waits_for_whoever_is_noting_a_use(tess: User) -> None:
    token, _plain = ApiToken.issue(user=tess, name="demo")

    def note_elsewhere() -> None:
        try:
            ApiToken.objects.get(pk=token.pk).note_use(timezone.now())
        finally:
            connection.close()

    with transaction.atomic(), ThreadPoolExecutor(1) as pool:
        ApiToken.objects.select_for_update().get(pk=token.pk)
        pool.submit(note_elsewhere).result(timeout=5)

    assert ApiToken.objects.get().last_used_at is None
