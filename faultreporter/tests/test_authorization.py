"""The authorization matrix holds: in what the views declare, and in what they answer."""

import re
from collections.abc import Callable, Iterator

import pytest
from rest_framework.test import APIClient

from faultreporter.accounts.models import User
from faultreporter.api.permissions import DEVICE, Rule
from faultreporter.roles import Role
from faultreporter.tests.authorization import MATRIX
from faultreporter.tests.test_architecture import api_patterns

LETTERS = {"A": Role.ADMIN, "M": Role.MANAGER, "T": Role.TECHNICIAN, "R": Role.REPORTER, "D": DEVICE}
ROWS = [(path, method, letters) for path, method, letters in (line.split() for line in MATRIX.strip().splitlines())]
NOWHERE = "00000000-0000-7000-8000-000000000000"


def readable(route: str) -> str:
    """`alerts/(?P<pk>[0-9a-f]…)/resolve$` as `/alerts/{pk}/resolve`."""
    route = route.removeprefix("api/v1/").replace("^", "").replace("\\Z", "").replace("$", "").replace("\\.", ".")
    route = re.sub(r"<(?:uuid:)?(\w+)>", r"{\1}", re.sub(r"\(\?P(<\w+>)(?:[^()]|\([^()]*\))*\)", r"\1", route))
    return "/" + route


def declared() -> Iterator[tuple[str, str, Rule]]:
    for route, pattern in api_patterns():
        view = getattr(pattern.callback, "cls", None)
        if view is None:
            continue
        methods = [m for m in view.http_method_names if m not in {"options", "head", "trace"} and hasattr(view, m)]
        actions = getattr(pattern.callback, "actions", None) or {method: method for method in methods}
        for method, action in actions.items():
            if method == "head":  # what GET answers, without the body
                continue
            yield readable(route), method.upper(), view.permissions[action]


def letters_of(rule: Rule) -> str:
    if rule.public:
        return "P"
    everything = "".join(letter for letter, role in LETTERS.items() if role in rule.roles)
    return everything + "".join(letter.lower() for letter, role in LETTERS.items() if role in rule.concerned)


def test_every_route_has_its_row_and_declares_what_it_says() -> None:
    assert sorted((path, method, letters_of(rule)) for path, method, rule in declared()) == sorted(ROWS)


def status_of(client: APIClient, method: str, path: str) -> int:
    missing = "0" if path.startswith(("/audit-logs", "/iot-series")) else NOWHERE
    address = "/api/v1" + re.sub(r"\{\w+\}", missing, path)
    return int(getattr(client, method.lower())(address).status_code)


@pytest.mark.django_db
@pytest.mark.parametrize(("path", "method", "letters"), ROWS, ids=[f"{method} {path}" for path, method, _ in ROWS])
def test_the_route_admits_and_refuses_by_role(
    api: Callable[[User | None], APIClient],
    rita: User,
    tess: User,
    mona: User,
    adam: User,
    path: str,
    method: str,
    letters: str,
) -> None:
    people = {"A": adam, "M": mona, "T": tess, "R": rita}

    answers = {letter: status_of(api(person), method, path) for letter, person in people.items()}
    stranger = status_of(api(None), method, path)

    if letters == "P":
        assert stranger != 403
        return
    admitted = {letter for letter in people if letter in letters.upper()}
    assert {letter for letter, status in answers.items() if status not in {401, 403}} == admitted
    assert stranger == 401
