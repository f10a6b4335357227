"""Which failure mode is it? A naive Bayes ranking by words, alerts, readings and this machine's past. Pure.

Every failure mode starts with the same weight, plus what this machine has had before. A clue (a keyword in the report,
in an open alert, a reading beyond its rule) multiplies the weight of the modes it points to; a normal reading and a
denial ("no leak") divide it. "Something else" takes part as one more hypothesis, so a single vague word never
makes anything certain. The share of the whole that a mode ends with is its confidence.

The likelihood ratios are judgement, not measurement, and stand here together so that they can be replaced by measured
ones. Clues in one report are not independent, so the logarithms are tempered before they are added.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from aiassist.answer import EvidenceKind
from aiassist.question import ModeFacts, PastFailure, Question, ReadingFacts

KEYWORD_RATIO: Final = 10.0
NAME_WORD_RATIO: Final = 4.0
DENIED_RATIO: Final = 0.25
NORMAL_READING_RATIO: Final = 0.4
TEMPER: Final = 0.75
MOST_STRENGTH: Final = 300.0
GENERIC_PRIOR: Final = 0.5
"""A mode of this kind of machine is likelier than one that any machine can have."""
OTHER_PRIOR: Final = 2.0
PAST_WEIGHT: Final = 1.5
PAST_HALF_LIFE_DAYS: Final = 365.0

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


@dataclass(frozen=True, slots=True)
class Clue:
    """One thing that speaks for or against a mode: where it was seen and how strongly it speaks."""

    kind: EvidenceKind
    text: str
    ratio: float
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    mode: ModeFacts
    confidence: float
    clues: tuple[Clue, ...]


@dataclass(frozen=True, slots=True)
class Source:
    """A text in which clues are looked for: stems in their order, which of them are denied, and where each stands.

    `quote` is what is cited of it; empty: the words that were found.
    """

    kind: EvidenceKind
    reference: str | None
    quote: str
    words: tuple[str, ...]
    stems: tuple[str, ...]
    denied: frozenset[int]
    places: Mapping[str, Sequence[int]]

    def find(self, wanted: tuple[str, ...]) -> Iterator[int]:
        """Where these stems stand, next to each other."""
        return (at for at in self.places.get(wanted[0], ()) if self.stems[at : at + len(wanted)] == wanted)


@lru_cache(maxsize=4096)
def stem(word: str) -> str:
    """`leaking`, `leaks`, `leaked` → `leak`. Crude, and the same on both sides, which is all that matters."""
    for suffix in SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= 3:
            word = word[: -len(suffix)]
            break
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] else word


@lru_cache(maxsize=4096)
def stems_of(text: str) -> tuple[str, ...]:
    return tuple(stem(word) for word in WORD.findall(text.casefold().replace("’", "'")))


def source(kind: EvidenceKind, text: str, *, reference: str | None = None, quote: str = "") -> Source:
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
    return Source(kind, reference, quote, tuple(words), stems, frozenset(denied), places)


def sources_of(question: Question) -> list[Source]:
    """What was written about the fault, and the readings that are beyond their rule, as texts."""
    found = [source(EvidenceKind.REPORT, question.description)]
    found += [source(EvidenceKind.ALERT, f"{a.title}. {a.description}", reference=a.reference) for a in question.alerts]
    found += [
        source(EvidenceKind.READING, alarm_words(r), reference=r.metric, quote=reading_text(r))
        for r in question.readings
        if r.beyond
    ]
    return found


def metric_words(reading: ReadingFacts) -> str:
    return f"{reading.name} {reading.metric.replace('_', ' ')}"


def alarm_words(reading: ReadingFacts) -> str:
    """A reading beyond its rule as a technician would put it: "high discharge, high pressure" for 18 bar above 17."""
    words = metric_words(reading)
    directed = [f"{reading.direction} {word}" for word in words.split()] if reading.direction else []
    return ", ".join([words, *directed])


def reading_text(reading: ReadingFacts) -> str:
    limit = f" ({reading.limit})" if reading.limit else ""
    return f"{reading.name} {reading.value:g} {reading.unit}{limit}"


def term_clue(term: str, ratio: float, texts: Sequence[Source]) -> Clue | None:
    """The strongest word on this term: said anywhere, else denied anywhere. A keyword that is itself a denial stays."""
    wanted = stems_of(term)
    if not wanted:
        return None
    denial: Clue | None = None
    for text in texts:
        for at in text.find(wanted):
            quote = text.quote or " ".join(text.words[at : at + len(wanted)])
            if at not in text.denied:
                return Clue(text.kind, quote, ratio, text.reference)
            denial = denial or Clue(text.kind, f"{quote} (denied)", DENIED_RATIO, text.reference)
    return denial


def terms_of(mode: ModeFacts) -> dict[str, float]:
    """What points to a mode: its keywords, and weaker the telling words of its name and mechanism."""
    terms = {keyword.casefold(): KEYWORD_RATIO for keyword in mode.keywords if keyword.strip()}
    known = {part for keyword in terms for part in stems_of(keyword)}
    for word in WORD.findall(f"{mode.name} {mode.mechanism}".casefold()):
        if len(word) > 2 and word not in COMMON and stem(word) not in known:
            known.add(stem(word))
            terms[word] = NAME_WORD_RATIO
    return terms


def normal_reading_clues(mode: ModeFacts, readings: Sequence[ReadingFacts]) -> list[Clue]:
    """Readings that speak against a mode: it would show in this metric, and the metric is within its rule."""
    words = {part for keyword in mode.keywords for part in stems_of(keyword)} - set(map(stem, COMMON))
    return [
        Clue(EvidenceKind.READING, f"{reading_text(reading)}: normal", NORMAL_READING_RATIO, reading.metric)
        for reading in readings
        if reading.beyond is False and words.intersection(stems_of(metric_words(reading)))
    ]


def past_weight(past: Sequence[PastFailure]) -> float:
    """How much this machine's own history adds: recent repairs count nearly fully, old ones fade by half a year."""
    return PAST_WEIGHT * math.fsum(0.5 ** (max(0.0, p.age_days) / PAST_HALF_LIFE_DAYS) for p in past)


def strength(clues: Sequence[Clue]) -> float:
    """The tempered sum of the logarithms, within what a float can hold whatever anybody writes."""
    return max(-MOST_STRENGTH, min(MOST_STRENGTH, TEMPER * math.fsum(math.log(clue.ratio) for clue in clues)))


def clues_for(mode: ModeFacts, question: Question, texts: Sequence[Source]) -> list[Clue]:
    found = [term_clue(term, ratio, texts) for term, ratio in sorted(terms_of(mode).items())]
    distinct = {(c.kind, c.text): c for c in found if c is not None}
    return [*distinct.values(), *normal_reading_clues(mode, question.readings)]


def rank(question: Question) -> list[Candidate]:
    """The modes by confidence, the likeliest first, equal ones by code. They and "something else" together make 1."""
    texts = sorted(sources_of(question), key=lambda t: (t.kind is not EvidenceKind.REPORT, t.words, t.reference or ""))
    weights: dict[str, float] = {}
    clues: dict[str, list[Clue]] = {}
    modes = {mode.code: mode for mode in sorted(question.modes, key=lambda mode: mode.code)}
    for code, mode in modes.items():
        past = sorted((p for p in question.past if p.mode_code == code), key=lambda p: (p.age_days, p.reference))
        clues[code] = clues_for(mode, question, texts)
        prior = (GENERIC_PRIOR if mode.is_generic else 1.0) + past_weight(past)
        weights[code] = prior * math.exp(strength(clues[code]))
        clues[code] += [past_clue(p) for p in past[:3]]
    whole = math.fsum(weights.values()) + OTHER_PRIOR
    ranked = [Candidate(modes[code], weight / whole, tuple(clues[code])) for code, weight in weights.items()]
    return sorted(ranked, key=lambda candidate: (-candidate.confidence, candidate.mode.code))


def past_clue(past: PastFailure) -> Clue:
    days = max(0, round(past.age_days))
    cause = f": {past.cause}" if past.cause else ""
    return Clue(EvidenceKind.HISTORY, f"{past.reference}, {days} days ago{cause}"[:300], 1.0, past.reference)
