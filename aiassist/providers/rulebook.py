"""The offline default: an honest triage by rules of thumb, in milliseconds, from words, alerts, readings and history.

It never looks at a photo and says so. Its confidence is the share of the ranking in `aiassist.ranking`.
"""

import re
from collections.abc import Sequence
from typing import Final

from django.utils.translation import gettext as _

from aiassist.answer import DOUBTFUL, Answer, Evidence, ImageQuality, Issue, Recommendation, Severity
from aiassist.handover.facts import DayFacts
from aiassist.handover.wording import hand_over
from aiassist.prompts import Prompt
from aiassist.providers.base import Reply
from aiassist.question import Question
from aiassist.ranking import Candidate, Clue, rank

VERSION: Final = "2"
MOST_ISSUES: Final = 3
MOST_EVIDENCE: Final = 20
LEAST_CONFIDENCE: Final = 0.08
DANGER: Final = re.compile(
    r"\b(?:on fire|caught fire|flames|smok\w+|burning|gas leak|smell(?:s|ing)? (?:of )?gas|spark\w*|electric shock|"
    r"explo\w+|flood(?:ed|ing)|trapped in\w*|entrapment|people trapped|person trapped)\b",
    re.IGNORECASE,
)
STANDSTILL: Final = re.compile(
    r"\b(?:stopped|stands still|won['’]t start|does(?:n['’]t| not) (?:start|run|move)|"
    r"not (?:starting|running|moving)|dead|tripped|out of order|no power)\b",
    re.IGNORECASE,
)
ISOLATE: Final = re.compile(
    r"electric|wiring|cable|fuse|contactor|breaker|motor|belt|bearing|fan|compressor|refrigerant|steam|pressure|gas|"
    r"boiler|pump|rotat|door drive|brake|seal|coupling|inverter|battery",
    re.IGNORECASE,
)


class RuleBook:
    name = "RULEBOOK"
    model_name = f"rulebook-{VERSION}"
    looks_at_photos = False
    follows_prompts = False

    def is_configured(self) -> bool:
        return True

    def ask(self, prompt: Prompt, *, deadline_s: float) -> Reply:
        asked = prompt.question
        answer = hand_over(asked) if isinstance(asked, DayFacts) else diagnose(asked)
        return Reply(answer.model_dump_json())

    def cancel(self) -> None:
        """Nothing to let go of."""


def diagnose(question: Question) -> Answer:
    """The likeliest failure modes with what speaks for them. Pure; the same facts in any order give the same answer."""
    severity = severity_of(question)
    likely = [c for c in rank(question) if c.clues and c.confidence >= LEAST_CONFIDENCE and speaks_for(c)][:MOST_ISSUES]
    return Answer(
        condition=condition(question, likely),
        components=[question.equipment_name[:300]] if question.equipment_name else [],
        issues=[issue(candidate, severity) for candidate in likely],
        recommendations=recommendations(likely, severity),
        safety_warnings=safety_warnings(question),
        not_assessable_reason=None if likely else not_assessable(question),
        image_quality=ImageQuality.NOT_EXAMINED,
        text_in_image=None,
    )


def speaks_for(candidate: Candidate) -> bool:
    return any(clue.ratio >= 1 for clue in candidate.clues)


def words_of(question: Question) -> str:
    return "\n".join([question.description, *(f"{a.title}. {a.description}" for a in question.alerts)])


def severity_of(question: Question) -> Severity:
    """From danger and standstill in the words, open alerts, readings beyond a rule, and what the machine matters."""
    words = words_of(question)
    if DANGER.search(words):
        return Severity.CRITICAL
    found = [Severity(alert.severity) for alert in question.alerts]
    found += [Severity(reading.severity) for reading in question.readings if reading.beyond]
    if STANDSTILL.search(words):
        found.append(Severity.HIGH if question.criticality in {"HIGH", "CRITICAL"} else Severity.MEDIUM)
    ordinary = Severity.LOW if question.criticality == "LOW" else Severity.MEDIUM
    return max(found, key=lambda severity: severity.rank, default=ordinary)


def issue(candidate: Candidate, severity: Severity) -> Issue:
    mode = candidate.mode
    return Issue(
        title=mode.name[:300],
        component=None,
        failure_mode=mode.code,
        mechanism=mode.mechanism[:300] or None,
        severity=severity,
        confidence=round(candidate.confidence, 4),
        evidence=[Evidence(kind=c.kind, text=c.text[:300], reference=c.reference) for c in cited(candidate)],
        image_index=None,
        region=None,
    )


def cited(candidate: Candidate) -> list[Clue]:
    """What speaks for it or against, then what the fleet's history says; as much as an answer has room for."""
    return [*candidate.clues[: MOST_EVIDENCE - len(candidate.background)], *candidate.background]


def recommendations(likely: Sequence[Candidate], severity: Severity) -> list[Recommendation]:
    """The usual remedy of each likely mode, and which causes to check for; only the first is as urgent as the fault."""
    found: list[Recommendation] = []
    for candidate in likely:
        mode, priority = candidate.mode, severity if not found else min(severity, Severity.MEDIUM, key=lambda s: s.rank)
        causes = ", ".join(mode.causes)
        check = _("Check for: %(causes)s.") % {"causes": causes} if causes else ""
        action = " ".join(part for part in (mode.remedy, check) if part)
        action = action or _("Inspect the machine for: %(mode)s.") % {"mode": mode.name}
        isolate = bool(ISOLATE.search(f"{mode.name} {mode.mechanism} {action}"))
        found.append(Recommendation(action=action[:4000], priority=priority, requires_isolation=isolate))
    if not found:
        action = _("Have a technician look at the machine and describe what is heard, smelled, leaking or shown.")
        found.append(Recommendation(action=action, priority=severity, requires_isolation=False))
    return found


def safety_warnings(question: Question) -> list[str]:
    danger = DANGER.search(words_of(question))
    if danger is None:
        return []
    message = _("The report speaks of danger (“%(word)s”). Keep people away and follow the emergency procedure first.")
    return [message % {"word": danger[0].lower()}]


def not_assessable(question: Question) -> str:
    if not question.modes:
        return _(
            "No failure modes are recorded for this kind of machine, so the rule book has nothing to compare with."
        )
    reason = _("Nothing in the words, the open alerts, the readings or the history points to a known failure mode.")
    return f"{reason} {usual(question)}".strip()


def usual(question: Question) -> str:
    """What such machines mostly had: something to begin with where nothing points anywhere, and no diagnosis."""
    closed = question.fleet.closed if question.fleet else {}
    often = max(question.modes, key=lambda mode: (closed.get(mode.code, 0), mode.code))
    if not question.fleet or not closed.get(often.code):
        return ""
    return _("Most often it was %(mode)s: %(count)d of %(total)d closed faults of this kind of machine.") % {
        "mode": often.name,
        "count": closed[often.code],
        "total": question.fleet.total,
    }


def condition(question: Question, likely: Sequence[Candidate]) -> str:
    """In sentences: what it probably is, what that rests on, and what was not looked at."""
    photos = (
        _("It did not look at the photographs.") if question.image_count else _("There was no photograph to look at.")
    )
    basis = _(
        "The rule book compared the report, open alerts (%(alerts)d), latest readings (%(readings)d) and past repairs "
        "(%(past)d) with the known failure modes (%(modes)d)."
    ) % {
        "alerts": len(question.alerts),
        "readings": len(question.readings),
        "past": len(question.past),
        "modes": len(question.modes),
    }
    return " ".join([finding(question, likely), basis, photos])[:4000]


def finding(question: Question, likely: Sequence[Candidate]) -> str:
    if not likely:
        return not_assessable(question)
    first = likely[0]
    said = "; ".join(clue.text for clue in (*first.clues, *first.background) if clue.ratio >= 1)[:600]
    likely_or_not = (
        _("Most likely: %(mode)s (%(percent)d %%), because of: %(evidence)s.")
        if first.confidence >= DOUBTFUL
        else _("Perhaps: %(mode)s (%(percent)d %%), because of: %(evidence)s.")
    )
    sentence = likely_or_not % {
        "mode": first.mode.name,
        "percent": round(first.confidence * 100),
        "evidence": said,
    }
    others = ", ".join(f"{c.mode.name} ({round(c.confidence * 100)} %)" for c in likely[1:])
    return f"{sentence} " + _("Also possible: %(others)s.") % {"others": others} if others else sentence
