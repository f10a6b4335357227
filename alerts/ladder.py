"""Escalation as a ladder: a policy's steps checked in words, flattened to rungs, told as a timetable. No database.

A rung is what is done, and how many minutes after the rung before it: waits are no rungs of their own. A running
escalation keeps its rungs as JSON, so later edits of the policy don't reach it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import models
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from faultreporter.errors import ErrorDetail, ValidationFailed
from faultreporter.roles import Role

MOST_STEPS: Final = 30
LONGEST_WAIT: Final = 7 * 24 * 60  # minutes
MOST_REPEATS: Final = 10
LATE: Final = timedelta(minutes=1)
"""A rung that ran later than this after it was due: the next wait counts from when it ran, so that everybody gets the
time to react that the policy grants, and a day's outage doesn't ring at everybody at once."""


class StepKind(models.TextChoices):
    WAIT = "WAIT", _("Wait")
    NOTIFY_PERSON = "NOTIFY_PERSON", _("Tell a person")
    NOTIFY_ROLE = "NOTIFY_ROLE", _("Tell everybody of a role")
    NOTIFY_ASSIGNED = "NOTIFY_ASSIGNED", _("Tell those who look after the machine")
    RAISE_SEVERITY = "RAISE_SEVERITY", _("Raise the severity")
    REPEAT = "REPEAT", _("Start again")


TELLS: Final = (StepKind.NOTIFY_PERSON, StepKind.NOTIFY_ROLE, StepKind.NOTIFY_ASSIGNED)
ROLES: Final = [(role.value, role.label) for role in (Role.ADMIN, Role.MANAGER, Role.TECHNICIAN)]
NEEDED: Final = {
    StepKind.WAIT: "minutes",
    StepKind.NOTIFY_PERSON: "person",
    StepKind.NOTIFY_ROLE: "role",
    StepKind.REPEAT: "times",
}
POSSIBLE: Final = {**NEEDED, StepKind.RAISE_SEVERITY: "severity"}
FIELDS: Final = ("minutes", "person", "role", "severity", "times")
Step = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Rung:
    """What is done `after` minutes, counted from the rung before. `times` is how often the ladder starts again."""

    after: int
    kind: str
    person: str = ""
    name: str = ""
    role: str = ""
    severity: str = ""
    times: int = 0

    def as_json(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value or name == "after"}

    @property
    def words(self) -> str:
        """What it does, for people."""
        if self.kind == StepKind.NOTIFY_PERSON:
            return gettext("tell %(person)s") % {"person": self.name}
        if self.kind == StepKind.NOTIFY_ROLE:
            return gettext("tell every %(role)s here") % {"role": Role(self.role).label.lower()}
        if self.kind == StepKind.NOTIFY_ASSIGNED:
            return gettext("tell those who look after the machine")
        if self.kind == StepKind.RAISE_SEVERITY:
            to = self.severity.lower() or gettext("the next level")
            return gettext("raise the severity to %(severity)s") % {"severity": to}
        return ngettext("start again, once", "start again, %(times)d times", self.times) % {"times": self.times}


def check(steps: Sequence[Step]) -> None:
    """Refuses a list that makes no sense, with one sentence for everything that is wrong with it."""
    details = [*problems_of_each(steps), *problems_of_all(steps)]
    if details:
        raise ValidationFailed(details[0].message, details=details)


def problems_of_each(steps: Sequence[Step]) -> Iterator[ErrorDetail]:
    for index, step in enumerate(steps):
        kind = StepKind(step["kind"])
        needed, possible = NEEDED.get(kind), POSSIBLE.get(kind)
        if needed and not step.get(needed):
            yield problem(index, needed, gettext("“%(kind)s” needs this.") % {"kind": kind.label})
        for field in FIELDS:
            if step.get(field) and field != possible:
                yield problem(index, field, gettext("“%(kind)s” knows no such thing.") % {"kind": kind.label})
        if (step.get("minutes") or 0) > LONGEST_WAIT:
            yield problem(index, "minutes", gettext("A wait is at most seven days."))
        if (step.get("times") or 0) > MOST_REPEATS:
            yield problem(index, "times", gettext("At most %(most)d times.") % {"most": MOST_REPEATS})
        if step.get("person") and not step["person"].is_active:
            yield problem(index, "person", gettext("This person is not active."))


def problems_of_all(steps: Sequence[Step]) -> Iterator[ErrorDetail]:
    kinds = [step["kind"] for step in steps]
    if not kinds:
        yield ErrorDetail("steps", "invalid", gettext("A policy needs at least one step."))
        return
    if len(kinds) > MOST_STEPS:
        yield ErrorDetail("steps", "invalid", gettext("At most %(most)d steps.") % {"most": MOST_STEPS})
    if not set(kinds) - {StepKind.WAIT, StepKind.REPEAT}:
        yield ErrorDetail("steps", "invalid", gettext("Nothing happens in these steps; tell somebody."))
    if kinds[-1] == StepKind.WAIT:
        yield problem(len(kinds) - 1, "kind", gettext("Nothing follows this wait."))
    for index in [i for i, kind in enumerate(kinds) if kind == StepKind.REPEAT]:
        if index != len(kinds) - 1:
            yield problem(index, "kind", gettext("What follows would never be reached: start again as the last step."))
        if StepKind.WAIT not in kinds[:index]:
            yield problem(index, "kind", gettext("Without a wait it would start again at once; add a wait before it."))


def problem(index: int, field: str, message: str) -> ErrorDetail:
    return ErrorDetail(f"steps[{index}].{field}", "invalid", message)


def rungs_of(steps: Sequence[Step]) -> list[Rung]:
    """The ladder of stored steps, as JSON: `person` is an id here, `name` whose it is."""
    rungs, after = [], 0
    for step in steps:
        if step["kind"] == StepKind.WAIT:
            after += step["minutes"]
            continue
        said = {name: step[name] for name in ("person", "name", "role", "severity", "times") if step[name]}
        rungs.append(Rung(after=after, kind=step["kind"], **said))
        after = 0
    return rungs


@dataclass(frozen=True, slots=True)
class Position:
    """Which rung is next, in which round; round 1 is the first."""

    round: int
    step: int

    def next(self, rungs: Sequence[Rung]) -> "Position | None":
        """The one after it; None at the end. A REPEAT that has no round left is the end."""
        rung = rungs[self.step]
        if rung.kind == StepKind.REPEAT:
            return Position(self.round + 1, 0)
        after = Position(self.round, self.step + 1)
        if after.step == len(rungs):
            return None
        following = rungs[after.step]
        return None if following.kind == StepKind.REPEAT and self.round > following.times else after


START: Final = Position(round=1, step=0)


@dataclass(frozen=True, slots=True)
class Planned:
    at: datetime
    round: int
    step: int
    words: str


def timetable(rungs: Sequence[Rung], *, since: datetime, position: Position | None = START) -> Iterator[Planned]:
    """What will happen when, if nobody moves. `since` is when the rung before `position` was done."""
    at = since
    while position is not None:
        rung = rungs[position.step]
        at += timedelta(minutes=rung.after)
        yield Planned(at, position.round, position.step, rung.words)
        position = position.next(rungs)


def counted_from(*, due: datetime, ran: datetime) -> datetime:
    """Where the next wait begins: when this rung was due, unless it ran late (see LATE)."""
    return ran if ran - due > LATE else due
