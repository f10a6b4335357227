"""What the pages below docs/ repeat from the code, so that the tests can hold them to it.

`python -m faultreporter.tests.documentation` writes the generated part of docs/configuration.md anew.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin

import django

from faultreporter.settings import BASE_DIR, Environment
from faultreporter.webhooks.catalogue import PING, event_types

DOCS = BASE_DIR / "docs"
CONFIGURATION = DOCS / "configuration.md"
BEGIN = "<!-- Generated from .env.example and settings.py: .venv/bin/python -m faultreporter.tests.documentation -->\n"
SECTION = re.compile(r"# --- (?P<title>.+) ---")
VARIABLE = re.compile(r"# (?P<name>[A-Z][A-Z0-9_]+)=(?P<default>.*)")
WEBHOOKS = DOCS / "webhooks.md"
EVENTS_BEGIN = "<!-- Generated from the code: .venv/bin/python -m faultreporter.tests.documentation -->\n"
PING_MEANING = "Somebody tries whether the webhook works; sent to that one alone"
LIMITS = {"ge": "at least", "le": "at most"}


@dataclass(frozen=True)
class Variable:
    """One variable of .env.example: its default as written there, and what the comment above says of it."""

    section: str
    name: str
    default: str
    meaning: str

    @property
    def row(self) -> str:
        default = f"`{self.default}`" if self.default else "–"
        meaning = " ".join(filter(None, (self.meaning, limits(self.name))))
        return f"| `{self.name}` | {default} | {meaning} |".replace("||", "\\|\\|")


def documented_variables() -> Iterator[Variable]:
    section, comment = "", list[str]()
    for line in (BASE_DIR / ".env.example").read_text().splitlines():
        if found := SECTION.fullmatch(line):
            section, comment = found["title"], []
        elif found := VARIABLE.fullmatch(line):
            yield Variable(section, found["name"], found["default"], " ".join(comment))
            comment = []
        else:
            comment = [*comment, line.removeprefix("# ")] if line else []


def limits(name: str) -> str:
    """What the settings demand of the variable's value, as a sentence."""
    field = Environment.model_fields.get(name)
    if field is None:
        return ""
    if get_origin(field.annotation) is Literal:
        return f"One of {', '.join(get_args(field.annotation))}."
    bounds: list[Any] = [(words, getattr(rule, sign)) for rule in field.metadata for sign, words in LIMITS.items()
                         if hasattr(rule, sign)]  # fmt: skip
    text = ", ".join(f"{words} {bound:,}" for words, bound in bounds)
    return f"{text.capitalize()}." if text else ""


def configuration_tables() -> str:
    section, lines = "", list[str]()
    for variable in documented_variables():
        if variable.section != section:
            section = variable.section
            lines += ["", f"## {section}", "", "| variable | default | meaning |", "|---|---|---|"]
        lines.append(variable.row)
    return "\n".join([*lines, ""])


def configuration_page() -> str:
    """docs/configuration.md as it should be: what people wrote above the mark, and the tables below it."""
    written, _mark, _generated = CONFIGURATION.read_text().partition(BEGIN)
    return written + BEGIN + configuration_tables()


def webhooks_page() -> str:
    """docs/webhooks.md as it should be, with a row for every event. Needs Django's apps."""
    written, mark, _generated = WEBHOOKS.read_text().partition(EVENTS_BEGIN)
    rows = [f"| `{name}` | {meaning} |" for name, meaning in {**event_types(), PING: PING_MEANING}.items()]
    return written + mark + "\n".join(["", "| event | when |", "|---|---|", *rows, ""])


if __name__ == "__main__":
    CONFIGURATION.write_text(configuration_page())
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "faultreporter.settings")
    django.setup()
    WEBHOOKS.write_text(webhooks_page())
