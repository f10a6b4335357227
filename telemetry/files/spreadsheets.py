"""Text in a file that a spreadsheet opens: what begins like a formula is run by it, whoever wrote it."""

BEGINNINGS = frozenset("=+-@\t\r")


def guarded(text: str) -> str:
    """With an apostrophe before it where it begins like a formula."""
    return f"'{text}" if text[:1] in BEGINNINGS else text


def unguarded(text: str) -> str:
    return text[1:] if text[:1] == "'" and text[1:2] in BEGINNINGS else text
