"""Which failure mode is it? A naive Bayes ranking by words, alerts, readings and what happened before. Pure.

Before anything is said, a mode is as likely as the closed faults of such machines say (none: all alike), plus what this
very machine has had before. A clue (a word in the report or in an open alert, a reading beyond its rule) multiplies the
weight of the modes it points to; a normal reading and a denial ("no leak") divide it. "Something else" takes part as
one more hypothesis, so a single vague word never makes anything certain. The share of the whole that a mode ends with
is its confidence.

The ratios that stand here are judgement. Where the fleet has closed faults whose reports said a word, the judgement
gives way to what they turned out to be (`aiassist.learning`). Clues in one report are not independent, so the
logarithms are tempered before they are added.
"""

import math
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from django.utils.translation import gettext as _

from aiassist.answer import EvidenceKind
from aiassist.learning import FLEET, UNKNOWN, FleetFacts, lifts, shares, sharpened
from aiassist.question import ModeFacts, PastFailure, Question, ReadingFacts
from aiassist.words import COMMON, COMMON_STEMS, WORD, Wording, phrases_of, stem, stems_of, telling_terms, wording
from telemetry.units import quantity

KEYWORD_RATIO: Final = 10.0
NAME_WORD_RATIO: Final = 4.0
DENIED_RATIO: Final = 0.25
NORMAL_READING_RATIO: Final = 0.4
TELLING_LIFT: Final = 1.5
"""A learned word is cited from here on; what says less still counts."""
TEMPER: Final = 0.75
MOST_STRENGTH: Final = 300.0
GENERIC_PRIOR: Final = 0.5
"""A mode of this kind of machine is likelier than one that any machine can have."""
OTHER_PRIOR: Final = 2.0
PAST_WEIGHT: Final = 1.5
PAST_HALF_LIFE_DAYS: Final = 365.0
MOST_LEARNED_CITED: Final = 2


@dataclass(frozen=True, slots=True)
class Clue:
    """One thing that speaks for or against a mode: where it was seen and how strongly it speaks."""

    kind: EvidenceKind
    text: str
    ratio: float
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A mode with what speaks for it in this case, and `background`: what the fleet's closed faults say of it."""

    mode: ModeFacts
    confidence: float
    clues: tuple[Clue, ...]
    background: tuple[Clue, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """A text in which clues are looked for. `quote` is what is cited of it; empty: the words that were found."""

    kind: EvidenceKind
    reference: str | None
    quote: str
    text: Wording

    def cited(self, at: int, length: int) -> str:
        return self.quote or " ".join(self.text.words[at : at + length])


@dataclass(frozen=True, slots=True)
class Learned:
    """A term of the report that the fleet's closed faults know, and how much likelier it makes each mode."""

    clue: Clue
    lift: Mapping[str, float]
    seen: Mapping[str, int]


def source(kind: EvidenceKind, text: str, *, reference: str | None = None, quote: str = "") -> Source:
    return Source(kind, reference, quote, wording(text))


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
    return f"{reading.name} {quantity(reading.value, reading.unit)}{limit}"


def term_clue(term: str, ratio: float, texts: Sequence[Source]) -> Clue | None:
    """The strongest word on this term: said anywhere, else denied anywhere. A keyword that is itself a denial stays."""
    wanted = stems_of(term)
    if not wanted:
        return None
    denial: Clue | None = None
    for one in texts:
        for at in one.text.find(wanted):
            quote = one.cited(at, len(wanted))
            if at not in one.text.denied:
                return Clue(one.kind, quote, ratio, one.reference)
            denial = denial or Clue(one.kind, f"{quote} (denied)", DENIED_RATIO, one.reference)
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
    words = {part for keyword in mode.keywords for part in stems_of(keyword)} - COMMON_STEMS
    return [
        Clue(EvidenceKind.READING, f"{reading_text(reading)}: normal", NORMAL_READING_RATIO, reading.metric)
        for reading in readings
        if reading.beyond is False and words.intersection(stems_of(metric_words(reading)))
    ]


def past_weight(past: Sequence[PastFailure]) -> float:
    """How much this machine's own history adds: recent repairs count nearly fully, old ones fade by half a year."""
    return PAST_WEIGHT * math.fsum(0.5 ** (max(0.0, p.age_days) / PAST_HALF_LIFE_DAYS) for p in past)


def strength(ratios: Iterable[float]) -> float:
    """The tempered sum of the logarithms, within what a float can hold whatever anybody writes."""
    return max(-MOST_STRENGTH, min(MOST_STRENGTH, TEMPER * math.fsum(map(math.log, ratios))))


def base_weights(modes: Iterable[ModeFacts]) -> dict[str, float]:
    return {UNKNOWN: OTHER_PRIOR} | {mode.code: GENERIC_PRIOR if mode.is_generic else 1.0 for mode in modes}


def learned_terms(
    question: Question, texts: Sequence[Source], terms: Mapping[str, Mapping[str, float]]
) -> dict[str, Learned]:
    """The terms of the report and the alerts that closed faults of such machines know, by their stems."""
    fleet = question.fleet
    if fleet is None:
        return {}
    share = shares(base_weights(question.modes), fleet)
    phrases = phrases_of(keyword for mode in question.modes for keyword in mode.keywords)
    found: dict[str, Learned] = {}
    for one in texts:
        for term, (at, length) in telling_terms(one.text, phrases).items():
            if term in found or term not in fleet.terms or one.kind is EvidenceKind.READING:
                continue
            hand = {code: ratios[term] for code, ratios in terms.items() if term in ratios}
            clue = Clue(one.kind, one.cited(at, length), 1.0, one.reference)
            found[term] = Learned(clue, lifts(hand, share, fleet.terms[term]), fleet.terms[term])
    return found


def judged_clues(mode: ModeFacts, question: Question, texts: Sequence[Source], learned: Container[str]) -> list[Clue]:
    """What the rule book's own judgement says, of terms that the fleet hasn't taught otherwise."""
    terms = [(term, ratio) for term, ratio in sorted(terms_of(mode).items()) if " ".join(stems_of(term)) not in learned]
    found = [term_clue(term, ratio, texts) for term, ratio in terms]
    distinct = {(c.kind, c.text): c for c in found if c is not None}
    return [*distinct.values(), *normal_reading_clues(mode, question.readings)]


def learned_clues(code: str, learned: Mapping[str, Learned]) -> list[Clue]:
    """The learned terms that say something of a mode, the strongest first."""
    telling = sorted(learned.values(), key=lambda one: (-one.lift[code], one.clue.text))
    return [replace(one.clue, ratio=one.lift[code]) for one in telling if one.lift[code] >= TELLING_LIFT]


def rank(question: Question) -> list[Candidate]:
    """The modes by confidence, the likeliest first, equal ones by code. They and "something else" together make 1."""
    texts = sorted(
        sources_of(question), key=lambda t: (t.kind is not EvidenceKind.REPORT, t.text.words, t.reference or "")
    )
    modes = {mode.code: mode for mode in sorted(question.modes, key=lambda mode: mode.code)}
    terms = {code: {" ".join(stems_of(t)): r for t, r in terms_of(mode).items()} for code, mode in modes.items()}
    learned = learned_terms(question, texts, terms)
    clues = {code: judged_clues(mode, question, texts, learned) for code, mode in modes.items()}
    past = {code: past_of(code, question) for code in modes}
    confidence = confidences(question, clues, past, learned)
    ranked = [
        Candidate(
            mode,
            confidence[code],
            (*learned_clues(code, learned), *clues[code], *map(past_clue, past[code][:3])),
            background(mode, question.fleet, learned),
        )
        for code, mode in modes.items()
    ]
    return sorted(ranked, key=lambda candidate: (-candidate.confidence, candidate.mode.code))


def confidences(
    question: Question,
    clues: Mapping[str, Sequence[Clue]],
    past: Mapping[str, Sequence[PastFailure]],
    learned: Mapping[str, Learned],
) -> dict[str, float]:
    """Each mode's share, and that of "something else"; as sure as such answers turned out right in this fleet."""
    base = base_weights(question.modes)
    share, whole = shares(base, question.fleet), math.fsum(base.values())
    weights = {}
    for code in base:
        prior = share[code] * whole + past_weight(past.get(code, ()))
        ratios = [*(c.ratio for c in clues.get(code, ())), *(one.lift[code] for one in learned.values())]
        weights[code] = prior * math.exp(strength(ratios))
    return sharpened(weights, question.fleet.sharpness if question.fleet else 1.0)


def past_of(code: str, question: Question) -> list[PastFailure]:
    """This machine's own repairs of a mode, the newest first."""
    return sorted((p for p in question.past if p.mode_code == code), key=lambda p: (p.age_days, p.reference))


def past_clue(past: PastFailure) -> Clue:
    days = max(0, round(past.age_days))
    cause = f": {past.cause}" if past.cause else ""
    return Clue(EvidenceKind.HISTORY, f"{past.reference}, {days} days ago{cause}"[:300], 1.0, past.reference)


def background(mode: ModeFacts, fleet: FleetFacts | None, learned: Mapping[str, Learned]) -> tuple[Clue, ...]:
    """In words: how often such machines were closed with this mode, and how often when the same was said."""
    if fleet is None or not fleet.closed.get(mode.code):
        return ()
    counts = {"count": fleet.closed[mode.code], "total": fleet.total, "kind": fleet.category, "mode": mode.name}
    said = [_("%(count)d of %(total)d closed faults of this kind (%(kind)s) were: %(mode)s") % counts]
    telling = sorted(learned.values(), key=lambda one: (-one.lift[mode.code], one.clue.text))[:MOST_LEARNED_CITED]
    for one in telling:
        if one.lift[mode.code] >= TELLING_LIFT and one.seen.get(mode.code):
            counts = {"count": one.seen[mode.code], "total": sum(one.seen.values()), "term": one.clue.text}
            said.append(_("%(count)d of %(total)d closed faults reported with “%(term)s” were this") % counts)
    return tuple(Clue(EvidenceKind.HISTORY, text[:300], 1.0, FLEET) for text in said)
