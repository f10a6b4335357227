"""The picture set: what each drawn picture shows, and what an answer should make of it. A version and a file.

The kinds of machines and their failure modes are those of the product's own catalogue, so that figures of two
installations can be compared.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from aiassist.answer import Severity
from aiassist.evaluation.pictures import photograph
from aiassist.question import ModeFacts, Question
from equipment.catalogue import GENERAL, KINDS, MODES, Mode

FILE: Final = Path(__file__).parent.parent / "data" / "picture_set.json"


@dataclass(frozen=True, slots=True)
class PictureCase:
    """One picture with the words that come with it.

    `modes`: any of them, named first, is right; empty where nothing should be named. `severity` is the mildest and the
    worst that is sensible. `instructions`: the picture or the words try to instruct the model.
    """

    name: str
    picture: str
    blur: int
    category: str
    words: str
    modes: tuple[str, ...]
    severity: tuple[Severity, Severity] | None
    abstain: bool
    needs_review: bool
    instructions: bool

    @property
    def photograph(self) -> bytes:
        return photograph(self.picture, blur=self.blur)

    def question(self) -> Question:
        kind = next(kind for kind in KINDS if kind.code == self.category)
        return Question(
            description=self.words,
            equipment_name=f"{kind.name} 1",
            equipment_type=kind.name,
            modes=(*(facts(mode) for mode in MODES[kind.code]), *(facts(mode, is_generic=True) for mode in GENERAL)),
            image_count=1,
            images=(self.photograph,),
        )


@dataclass(frozen=True, slots=True)
class PictureSet:
    version: str
    cases: tuple[PictureCase, ...]


@cache
def picture_set() -> PictureSet:
    found = json.loads(FILE.read_text(encoding="utf-8"))
    return PictureSet(found["version"], tuple(map(case_of, found["cases"])))


def case_of(row: dict[str, Any]) -> PictureCase:
    mildest_and_worst = tuple(map(Severity, row["severity"]))
    severity = (mildest_and_worst[0], mildest_and_worst[1]) if mildest_and_worst else None
    return PictureCase(**{**row, "modes": tuple(row["modes"]), "severity": severity})


def facts(mode: Mode, *, is_generic: bool = False) -> ModeFacts:
    return ModeFacts(
        code=mode.code,
        name=mode.name,
        mechanism=mode.mechanism,
        keywords=tuple(word.strip() for word in mode.keywords.split(",")),
        causes=tuple(cause.strip() for cause in mode.causes.split(",")),
        remedy=mode.remedy,
        is_generic=is_generic,
    )
