"""Text that can be stored. PostgreSQL has no NUL in text, and UTF-8 has no lone surrogates. And text that is a time."""

import re
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework.exceptions import ValidationError

NO_OFFSET = gettext_lazy("Write the time with its offset from UTC, such as 2026-03-01T12:00:00Z or …+01:00.")
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def is_storable(text: str) -> bool:
    return UNSTORABLE.search(text) is None


def refuse_unstorable_text(text: str) -> None:
    if not is_storable(text):
        raise ValidationError(
            _("The text contains a NUL or half of a character pair; send valid Unicode without NUL."),
            code="invalid_characters",
        )


def with_plus(time: str) -> str:
    """A plus that came as a space, because somebody didn't encode it in an address, is a plus."""
    return time[:19] + time[19:].replace(" ", "+")


def unstorable_path(value: Any, path: str = "") -> str | None:
    """Where in a parsed JSON document the first unstorable text is, None if there is none."""
    if isinstance(value, str):
        return None if is_storable(value) else path
    items: Any = ()
    if isinstance(value, dict):
        if any(not is_storable(key) for key in value):
            return path
        items = ((f"{path}.{key}" if path else key, item) for key, item in value.items())
    elif isinstance(value, list):
        items = ((f"{path}[{index}]", item) for index, item in enumerate(value))
    for inner_path, item in items:
        if (found := unstorable_path(item, inner_path)) is not None:
            return found
    return None
