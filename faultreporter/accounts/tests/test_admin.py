"""The back office: people, API tokens, and the lockout at its door."""

import re
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.contrib.auth import SESSION_KEY
from django.test import Client
from django.utils import timezone

from faultreporter.accounts.models import ApiToken, User
from faultreporter.accounts.tests.factories import UserFactory
from faultreporter.audit.models import AuditLog
from faultreporter.roles import Role

PEOPLE, TOKENS, LOGIN = "/admin/accounts/user/", "/admin/accounts/apitoken/", "/admin/login/"
PASSWORD = "wide open valve"


def page(user: User) -> str:
    return f"{PEOPLE}{user.id}/change/"


def form_of(user: User, **changes: Any) -> dict[str, Any]:
    fields = ("email", "display_name", "phone", "role", "language", "time_zone")
    whole = {name: getattr(user, name) for name in fields} | {"is_active": "on"} | changes
    return {name: value for name, value in whole.items() if value is not None}


def act(browser: Client, action: str, *people: Any, where: str = PEOPLE) -> Any:
    data = {"action": action, "_selected_action": [str(person.pk) for person in people]}
    return browser.post(where, data, follow=True)


class TestPeople:
    def test_every_page_opens(self, adam: User, tess: User, backoffice: Any) -> None:
        browser = backoffice(adam)

        for address in (PEOPLE, f"{PEOPLE}?q=tess", f"{PEOPLE}add/", page(tess)):
            assert browser.get(address).status_code == 200, address
        for address in (f"{PEOPLE}{tess.id}/password/", f"{PEOPLE}{tess.id}/delete/", f"{PEOPLE}{tess.id}/history/"):
            assert browser.get(address).status_code == 200, address

    def test_is_created(self, adam: User, backoffice: Any) -> None:
        form = form_of(User(role=Role.MANAGER), email="Mona@Example.org", display_name="Mona")
        form |= {"usable_password": "true", "password1": PASSWORD, "password2": PASSWORD}

        assert backoffice(adam).post(f"{PEOPLE}add/", form).status_code == 302

        mona = User.objects.get(email="mona@example.org")
        assert (mona.role, mona.check_password(PASSWORD)) == ("MANAGER", True)

    def test_without_a_password(self, adam: User, backoffice: Any) -> None:
        form = form_of(User(), email="rita@example.org", display_name="Rita") | {"usable_password": "false"}

        backoffice(adam).post(f"{PEOPLE}add/", form)

        assert not User.objects.get(email="rita@example.org").has_usable_password()

    def test_is_changed(self, adam: User, tess: User, backoffice: Any) -> None:
        response = backoffice(adam).post(page(tess), form_of(tess, role=Role.MANAGER, is_active=None))

        assert response.status_code == 302
        tess.refresh_from_db()
        assert (tess.role, tess.is_active, tess.tokens_valid_after is None) == ("MANAGER", False, False)
        assert AuditLog.objects.filter(entity_type="users", action="UPDATE").get().actor_id == adam.id

    @pytest.mark.parametrize("address", ["tess@example.org", "TESS@example.org"])
    def test_an_address_is_taken(self, adam: User, tess: User, rita: User, backoffice: Any, address: str) -> None:
        response = backoffice(adam).post(page(rita), form_of(rita, email=address))

        assert b"Somebody else already has this e-mail address." in response.content

    def test_the_last_administrator_stays(self, adam: User, tess: User, backoffice: Any) -> None:
        browser = backoffice(adam)
        for response in (
            browser.post(page(adam), form_of(adam, role=Role.REPORTER), follow=True),
            browser.post(f"{PEOPLE}{adam.id}/delete/", {"post": "yes"}, follow=True),
            act(browser, "deactivate", tess, adam),
        ):
            assert b"This is the last active administrator." in response.content

        assert User.objects.active().count() == 2

    def test_deactivate_and_activate(self, adam: User, tess: User, rita: User, backoffice: Any) -> None:
        browser = backoffice(adam)

        assert b"2 people were changed." in act(browser, "deactivate", tess, rita).content
        assert User.objects.active().get() == adam
        assert b"1 person was changed." in act(browser, "activate", tess).content
        assert set(User.objects.active()) == {adam, tess}

    def test_ending_all_sign_ins(self, adam: User, tess: User, backoffice: Any) -> None:
        ApiToken.issue(user=tess, name="demo")

        act(backoffice(adam), "revoke_sign_ins", tess)

        tess.refresh_from_db()
        assert tess.tokens_valid_after is not None
        assert not ApiToken.objects.usable(timezone.now()).exists()

    def test_deleting_is_soft(self, adam: User, tess: User, backoffice: Any) -> None:
        backoffice(adam).post(f"{PEOPLE}{tess.id}/delete/", {"post": "yes"})

        tess.refresh_from_db()
        assert (tess.is_deleted, tess.deleted_by) == (True, adam)

    def test_setting_a_password(self, adam: User, tess: User, backoffice: Any) -> None:
        form = {"password1": PASSWORD, "password2": PASSWORD}

        assert backoffice(adam).post(f"{PEOPLE}{tess.id}/password/", form).status_code == 302

        tess.refresh_from_db()
        assert tess.check_password(PASSWORD)
        changes = AuditLog.objects.filter(entity_type="users", action="UPDATE").get().changes
        assert changes == {"password": ["***", "***"]}

    @pytest.mark.parametrize("password", ["short", "1234567890", "different"])
    def test_a_weak_password_is_refused(self, adam: User, tess: User, backoffice: Any, password: str) -> None:
        form = {"password1": password, "password2": password.replace("different", "other")}

        assert backoffice(adam).post(f"{PEOPLE}{tess.id}/password/", form).status_code == 200

    def test_managers_only_look(self, mona: User, tess: User, backoffice: Any) -> None:
        browser = backoffice(mona)

        assert browser.get(PEOPLE).status_code == 200
        assert browser.get(page(tess)).status_code == 200
        for address in (page(tess), f"{PEOPLE}add/", f"{PEOPLE}{tess.id}/password/", f"{PEOPLE}{tess.id}/delete/"):
            assert browser.post(address, {"role": "ADMIN"}).status_code == 403, address
        act(browser, "deactivate", tess)
        assert User.objects.active().count() == 2

    @pytest.mark.parametrize("person", ["tess", "rita"])
    def test_others_stay_outside(self, request: pytest.FixtureRequest, backoffice: Any, person: str) -> None:
        assert backoffice(request.getfixturevalue(person)).get(PEOPLE)["Location"].startswith(LOGIN)


class TestTokens:
    def create(self, browser: Client, owner: User, **changes: Any) -> Any:
        form = {"user": str(owner.pk), "name": "gateway", "scopes": ["WRITE"], **changes}
        return browser.post(f"{TOKENS}add/", form)

    def test_is_shown_exactly_once(self, adam: User, tess: User, backoffice: Any) -> None:
        browser = backoffice(adam)

        response = self.create(browser, tess)

        (plain,) = re.findall(r"frt_[\w-]{43}", response.content.decode())
        assert "no-store" in response["Cache-Control"]
        token = ApiToken.objects.by_plain(plain)
        assert token is not None
        assert (token.user, token.scopes) == (tess, ["READ", "WRITE"])
        for address in (TOKENS, f"{TOKENS}{token.pk}/change/", f"{TOKENS}{token.pk}/history/", "/admin/"):
            assert plain not in browser.get(address).content.decode(), address
        assert plain not in str(browser.cookies)

    def test_needs_an_owner_and_a_scope(self, adam: User, backoffice: Any) -> None:
        assert self.create(backoffice(adam), adam, user="", scopes=[]).status_code == 200
        assert not ApiToken.objects.exists()

    def test_is_revoked(self, adam: User, tess: User, backoffice: Any) -> None:
        token, _plain = ApiToken.issue(user=tess, name="demo")

        assert b"1 token was revoked." in act(backoffice(adam), "revoke", token, where=TOKENS).content

        token.refresh_from_db()
        assert token.revoked_at is not None

    def test_is_never_changed_or_deleted(self, adam: User, tess: User, backoffice: Any) -> None:
        token, _plain = ApiToken.issue(user=tess, name="demo")
        browser = backoffice(adam)

        assert browser.post(f"{TOKENS}{token.pk}/change/", {"name": "other"}).status_code == 403
        assert browser.post(f"{TOKENS}{token.pk}/delete/", {"post": "yes"}).status_code == 403

    def test_is_for_administrators(self, mona: User, backoffice: Any) -> None:
        assert backoffice(mona).get(TOKENS).status_code == 403


class TestLockout:
    @pytest.fixture
    def door(self, db: None) -> Client:
        User.objects.create_user(email="mona@example.org", password=PASSWORD, role=Role.MANAGER)
        return Client()

    def knock(self, door: Client, username: str = "mona@example.org", password: str = "wrong", **meta: Any) -> bool:
        """Whether the door opened."""
        door.post(LOGIN, {"username": username, "password": password}, **meta)
        return SESSION_KEY in door.session

    def test_it_works(self, door: Client) -> None:
        assert self.knock(door, "MONA@example.org", PASSWORD)

    def test_five_wrong_passwords_close_the_door(self, door: Client) -> None:
        for _attempt in range(5):
            assert not self.knock(door)

        assert not self.knock(door, password=PASSWORD)
        response = door.post(LOGIN, {"username": "mona@example.org", "password": PASSWORD})
        assert response.status_code == 429

    def test_spelling_the_address_differently_gains_nothing(self, door: Client) -> None:
        for username in (
            "mona@example.org",
            "Mona@example.org",
            "MONA@example.org",
            " mona@EXAMPLE.org",
            "ｍona@example.org",
        ):
            self.knock(door, username)

        assert not self.knock(door, password=PASSWORD)

    def test_forwarded_addresses_are_not_believed(self, door: Client) -> None:
        for number in range(5):
            self.knock(door, HTTP_X_FORWARDED_FOR=f"10.0.0.{number}")

        assert not self.knock(door, password=PASSWORD, HTTP_X_FORWARDED_FOR="10.0.0.99")

    def test_behind_our_proxy_only_the_attacker_is_locked_out(self, door: Client, settings: Any) -> None:
        settings.TRUSTED_PROXY_COUNT = 1
        for number in range(5):
            self.knock(door, HTTP_X_FORWARDED_FOR=f"10.0.0.{number}, 203.0.113.9")

        assert not self.knock(door, password=PASSWORD, HTTP_X_FORWARDED_FOR="203.0.113.9")
        assert self.knock(door, password=PASSWORD, HTTP_X_FORWARDED_FOR="203.0.113.9, 198.51.100.7")

    def test_technicians_have_no_door(self, door: Client) -> None:
        UserFactory.create(email="tess@example.org", password=PASSWORD, role=Role.TECHNICIAN)

        assert not self.knock(door, "tess@example.org", PASSWORD)

    def test_a_lockout_is_said_in_words_and_an_administrator_ends_it(self, door: Client, backoffice: Any) -> None:
        wrong = {"username": "mona@example.org", "password": "wrong"}
        answers = [Client().post(LOGIN, wrong) for _attempt in range(5)]
        administrator = UserFactory.create(role=Role.ADMIN)

        entry = AccessAttempt.objects.get(username="mona@example.org")
        browser = backoffice(administrator)
        listed = browser.get("/admin/axes/accessattempt/").content
        browser.post(f"/admin/axes/accessattempt/{entry.pk}/delete/", {"post": "yes"})

        assert (answers[-1].status_code, b"Too many wrong passwords" in answers[-1].content) == (429, True)
        assert b"Locked" in listed
        assert Client().post(LOGIN, wrong).status_code == 200
