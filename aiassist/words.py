"""Words of a report, cut down to what can be compared: stems, and which of them are denied. Pure."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

WORD: Final = re.compile(r"[^\W_]+(?:'[^\W_]+)?")
CLAUSE_END: Final = re.compile(r"[.,;:!?\n]|\bbut\b|\bhowever\b|\balthough\b")
DENIALS: Final = {"no", "not", "never", "without", "isn't", "aren't", "doesn't", "don't", "wasn't", "nothing"}
DENIAL_REACH: Final = 3
SUFFIXES: Final = (
    "ations", "ation", "ating", "ates", "ated", "ions", "ion", "ings", "ing", "ies", "ed", "es", "s", "ly", "ate", "e",
    "y",
)  # fmt: skip
COMMON: Final = frozenset(
    ["the", "and", "for", "from", "with", "that", "this", "its", "are", "can", "off", "out", "over", "under", "low",
     "high", "too", "very", "does", "has", "have", "was", "fault", "failure", "failed", "fail", "broken", "problem",
     "machine", "equipment", "unit", "system", "error", "not"]
)  # fmt: skip


@lru_cache(maxsize=4096)
def stem(word: str) -> str:
    """`leaking`, `leaks`, `leaked` → `leak`. Crude, and the same on both sides, which is all that matters."""
    for suffix in SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= 3:
            word = word[: -len(suffix)]
            break
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] else word


COMMON_STEMS: Final = frozenset(map(stem, COMMON))


@lru_cache(maxsize=4096)
def stems_of(text: str) -> tuple[str, ...]:
    return tuple(stem(word) for word in WORD.findall(text.casefold().replace("’", "'")))


@dataclass(frozen=True, slots=True)
class Wording:
    """A text's words and stems in their order, which of them are denied ("no leak"), and where each stem stands."""

    words: tuple[str, ...]
    stems: tuple[str, ...]
    denied: frozenset[int]
    places: Mapping[str, Sequence[int]]

    def find(self, wanted: tuple[str, ...]) -> Iterator[int]:
        """Where these stems stand, next to each other."""
        return (at for at in self.places.get(wanted[0], ()) if self.stems[at : at + len(wanted)] == wanted)

    def said(self, wanted: tuple[str, ...]) -> list[int]:
        """Where they stand and aren't denied."""
        return [at for at in self.find(wanted) if at not in self.denied]


def wording(text: str) -> Wording:
    words: list[str] = []
    denied: set[int] = set()
    for clause in CLAUSE_END.split(text.casefold().replace("’", "'")):
        start = len(words)
        words += WORD.findall(clause)
        for at in (at for at in range(start, len(words)) if words[at] in DENIALS):
            denied.update(range(at + 1, min(at + 1 + DENIAL_REACH, len(words))))
    stems = tuple(map(stem, words))
    places: dict[str, list[int]] = {}
    for at, one in enumerate(stems):
        places.setdefault(one, []).append(at)
    return Wording(tuple(words), stems, frozenset(denied), places)


def is_telling(word: str) -> bool:
    """Whether a word alone can say something of a fault: not "the", not "3", not the name of room B2."""
    return len(word) > 2 and word.isalpha() and word not in DENIALS and stem(word) not in COMMON_STEMS


def phrases_of(keywords: Iterable[str]) -> set[tuple[str, ...]]:
    """The keywords of more than one word, as stems."""
    return {stems for keyword in keywords if len(stems := stems_of(keyword)) > 1}


def telling_terms(text: Wording, phrases: Collection[tuple[str, ...]]) -> dict[str, tuple[int, int]]:
    """What a text says that can be learned from: phrases, and telling words outside of them; each with its first place.

    A word inside a phrase says nothing more than the phrase: "high pressure" is one clue, not two. Keys are stems with
    a space between; a place is where it begins and how many words it has.
    """
    found: dict[str, tuple[int, int]] = {}
    inside: set[int] = set()
    for phrase in sorted(phrases):
        for at in text.said(phrase):
            found.setdefault(" ".join(phrase), (at, len(phrase)))
            inside.update(range(at, at + len(phrase)))
    for at, word in enumerate(text.words):
        if at not in inside and at not in text.denied and is_telling(word):
            found.setdefault(text.stems[at], (at, 1))
    return found
