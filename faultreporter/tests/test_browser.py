"""Every page in a real browser: no error in the console, no request to another host, nothing wider than the window."""

from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.db.models import Model
from django.test import Client
from django.urls import reverse

from faultreporter.accounts.models import ApiToken, User
from faultreporter.roles import Role
from faultreporter.tests.browsing import DESKTOP, PHONE, Visitor, chromium, started
from faultreporter.tests.estate import build_estate

pytestmark = [
    pytest.mark.browser,
    pytest.mark.xdist_group("browser"),
    pytest.mark.no_cover,  # what a page looks like says nothing of lines, and to count them takes a fifth longer
    pytest.mark.skipif(chromium() is None, reason="no Chromium on this machine: apt install chromium"),
]
PASSWORD = "wide open valve"


def person(role: Role) -> User:
    return User.objects.create_user(email=f"{role.lower()}@example.org", password=PASSWORD, role=role)


@pytest.fixture
def people(transactional_db: None, settings: Any) -> dict[str, User]:
    settings.STREAM_URL = ""  # no such process runs here: live pages ask now and then
    made = {role.value: person(role) for role in (Role.ADMIN, Role.MANAGER, Role.TECHNICIAN)}
    build_estate(manager=made["MANAGER"], technician=made["TECHNICIAN"])
    return made


def pages_of(user: User, paths: Iterable[str]) -> list[str]:
    """Those that this person may open."""
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return [path for path in paths if is_page(client.get(path))]


def is_page(answer: Any) -> bool:
    """A button may also lead to a file."""
    return bool(answer.status_code == 200 and answer["Content-Type"].startswith("text/html"))


def seen() -> Iterator[str]:
    """Today, every list, and the pages of its records: what looks otherwise to who may only read it."""
    yield "/admin/"
    for model in admin.site._registry:
        yield address(model, "changelist")
        for record in records_of(model):
            yield address(model, "change", record.pk)


def filled_in() -> Iterator[str]:
    """Forms for new records, questions before one is deleted, and what stands behind buttons."""
    yield "/admin/password_change/"
    for model, page in admin.site._registry.items():
        oldest = records_of(model)[-1].pk
        yield address(model, "add")
        yield address(model, "delete", oldest)
        for button in getattr(page, "_get_base_actions_detail", list)():
            yield reverse(f"admin:{button.action_name}", args=[oldest])


def address(model: type[Model], kind: str, *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{kind}", args=args)


def records_of(model: type[Model]) -> list[Any]:
    """One of each status, for the page of each has other buttons; the oldest of all last."""
    rows = model._default_manager.order_by("pk")
    statuses = {field.name for field in model._meta.fields} & {"status"}
    others = rows.distinct("status").order_by("status", "pk") if statuses else []
    return [*others, rows[0]]


def sign_in(visitor: Visitor, email: str) -> None:
    visitor.visit("/admin/login/", PHONE, DESKTOP)
    visitor.page.fill("input[name=username]", email)
    visitor.page.fill("input[name=password]", PASSWORD)
    visitor.page.click("button[type=submit]")
    visitor.page.wait_for_url("**/admin/")


def test_the_back_office(live_server: Any, people: dict[str, User]) -> None:
    administrator, manager = people["ADMIN"], people["MANAGER"]
    walks = [
        (administrator.email, pages_of(administrator, [*seen(), *filled_in()]), (PHONE, DESKTOP)),
        (manager.email, pages_of(manager, seen()), (PHONE,)),
    ]

    with started() as browser:  # whose event loop Django takes for its own: nothing is asked of the database here
        visitors = [walk(Visitor(browser.new_context(), live_server.url), *one) for one in walks]

    assert all(len(paths) > 60 for _email, paths, _sizes in walks)
    assert [visitor.faults for visitor in visitors] == [[], []]


def walk(visitor: Visitor, email: str, paths: list[str], sizes: tuple[tuple[int, int], ...]) -> Visitor:
    sign_in(visitor, email)
    for path in paths:
        visitor.visit(path, *sizes)
    return visitor


def test_the_documentation_and_an_operation_tried_in_it(live_server: Any) -> None:
    _token, plain = ApiToken.issue(user=person(Role.TECHNICIAN), name="Docs")
    operation = "[id$=listEquipment]"

    with started() as browser:
        visitor = Visitor(browser.new_context(), live_server.url)
        visitor.visit("/redoc", PHONE, DESKTOP, shows="h1")
        visitor.visit("/docs", DESKTOP, PHONE, shows=".opblock-tag")
        page = visitor.page
        page.click("button.authorize")
        page.fill(".modal-ux input >> nth=0", plain)
        page.click(".modal-ux .auth-btn-wrapper button.authorize >> nth=0")
        page.click(".modal-ux .btn-done >> nth=0")
        page.click("#operations-tag-equipment")
        page.click(f"{operation} .opblock-summary")
        page.click(f"{operation} .try-out__btn")
        page.click(f"{operation} .execute")
        answer = page.inner_text(f"{operation} .live-responses-table .response-col_status >> nth=1")

    assert answer.startswith("200")
    assert visitor.faults == []


def test_what_is_wrong_is_noticed(live_server: Any) -> None:
    with started() as browser:
        visitor = Visitor(browser.new_context(), live_server.url)
        visitor.visit("/nowhere", PHONE)
        visitor.page.evaluate("document.body.append(Object.assign(new Image(), {src: 'https://example.org/a.png'}))")
        visitor.page.evaluate("setTimeout(() => { throw new Error('broken') })")
        visitor.page.evaluate("document.body.style.minWidth = '800px'")
        visitor.look(PHONE)

    seen = " ".join(visitor.faults)
    for fault in ("status 404", "foreign: https://example.org", "Content Security Policy", "broken", "wide on 390"):
        assert fault in seen
