"""What a model is told. The instructions are a versioned file, the facts are data beside them and never mixed in."""

import json
from dataclasses import asdict
from functools import cache
from typing import Final

from django.conf import settings

from aiassist.question import Question

ANALYZE_FAULT: Final = "analyze_fault/v1"


@cache
def instructions(version: str) -> str:
    path = settings.BASE_DIR / "templates" / "ai_prompts" / f"{version}.txt"
    return str(path.read_text(encoding="utf-8")).strip()


def facts(question: Question) -> str:
    """The facts as one JSON document between tags that nothing in it can close."""
    known = {name: value for name, value in asdict(question).items() if name != "images"}
    document = json.dumps(known, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    return f"<facts>{document}</facts>"
