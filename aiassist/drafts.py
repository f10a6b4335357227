"""The work order that an answer amounts to: its words, its steps, and what such repairs took before."""

import textwrap
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from statistics import median
from typing import Any, Final
from uuid import UUID

from django.db.models import Count, Sum
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from aiassist.models import Analysis
from equipment.models import Equipment
from workorders.models import PartUse, WorkOrder
from workorders.suggestions import Suggestion, suggest

LONGEST_TITLE: Final = 200
MOST_REPAIRS: Final = 200
"""So many of the newest such repairs say what one takes."""
MOST_PARTS: Final = 20
KINDS: Final[dict[str, Any]] = {
    "REPORT": gettext_lazy("Report"),
    "PHOTO": gettext_lazy("Photo"),
    "ALERT": gettext_lazy("Alert"),
    "READING": gettext_lazy("Reading"),
    "HISTORY": gettext_lazy("History"),
    "MANUAL": gettext_lazy("Manual"),
    "DIAGRAM": gettext_lazy("Diagram"),
}


@dataclass(frozen=True, slots=True)
class DraftTask:
    title: str
    instructions: str = ""


@dataclass(frozen=True, slots=True)
class DraftPart:
    """A part that such repairs took: in how many of them, and how many pieces each of those took on average."""

    part_id: UUID
    number: str
    name: str
    unit: str
    repairs: int
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class Experience:
    """Past repairs of the same failure mode on the same model; `minutes` is the median of those with hours logged."""

    repairs: int = 0
    minutes: int | None = None
    repairs_with_minutes: int = 0
    parts: tuple[DraftPart, ...] = ()


@dataclass(frozen=True, slots=True)
class Draft:
    """An order that isn't raised yet."""

    title: str
    description: str
    priority: str
    failure_mode: str | None
    tasks: tuple[DraftTask, ...]
    experience: Experience
    type: str = WorkOrder.Type.CORRECTIVE

    def fields(self) -> dict[str, Any]:
        """For the order itself."""
        return {
            "title": self.title,
            "description": self.description,
            "type": self.type,
            "priority": self.priority,
            "estimated_minutes": self.experience.minutes,
        }

    def task_lines(self) -> list[dict[str, Any]]:
        return [asdict(task) for task in self.tasks]


def draft_of(analysis: Analysis) -> Draft:
    """From a finished analysis of a machine's fault, with what its reviewer changed. Two queries."""
    mode, machine = first_mode_of(analysis), analysis.equipment
    experience = experience_with(mode, machine) if mode and machine else Experience()
    return Draft(
        title=title_of(analysis),
        description=description_of(analysis, experience),
        priority=severity_of(analysis),
        failure_mode=mode or None,
        tasks=tuple(tasks_of(answer_of(analysis))),
        experience=experience,
    )


def people_for(analysis: Analysis, *, at: datetime) -> list[Suggestion]:
    """Who should do the job, best first, as for an order on the machine."""
    return suggest(WorkOrder(equipment=analysis.equipment), at=at) if analysis.equipment else []


def answer_of(analysis: Analysis) -> dict[str, Any]:
    answer: dict[str, Any] = analysis.result or {}
    return answer


def first_mode_of(analysis: Analysis) -> str:
    """The code of the failure mode that the reviewer names, else the answer's first; empty if neither names one."""
    review = getattr(analysis, "review", None)
    if review and review.failure_mode:
        return str(review.failure_mode.code)
    issues = answer_of(analysis)["issues"]
    return (issues[0]["failure_mode"] or "") if issues else ""


def severity_of(analysis: Analysis) -> str:
    review = getattr(analysis, "review", None)
    return (review and review.severity) or analysis.severity


def leading_issue(analysis: Analysis) -> dict[str, Any] | None:
    """The issue that the reviewer agrees with: the one of the named mode, else the answer's first."""
    issues: list[dict[str, Any]] = answer_of(analysis)["issues"]
    mode = first_mode_of(analysis)
    named = [issue for issue in issues if issue["failure_mode"] == mode]
    if named or mode:
        return named[0] if named else None
    return issues[0] if issues else None


def title_of(analysis: Analysis) -> str:
    review, issue = getattr(analysis, "review", None), leading_issue(analysis)
    if issue is None and review and review.failure_mode:
        return str(review.failure_mode.name)
    return textwrap.shorten(
        issue["title"] if issue else answer_of(analysis)["condition"], LONGEST_TITLE, placeholder="…"
    )


def description_of(analysis: Analysis, experience: Experience) -> str:
    """The state of the machine, what speaks for the finding, what such repairs took, and who said so."""
    issue = leading_issue(analysis)
    paragraphs = [
        analysis.description.strip(),
        answer_of(analysis)["condition"],
        bullets(_("What speaks for it:"), map(evidence_line, issue["evidence"] if issue else [])),
        bullets(_("Parts that such repairs took:"), [part_line(part, experience) for part in experience.parts]),
        _("Proposed by %(model)s, confidence %(percent)d %%.")
        % {"model": f"{analysis.provider} {analysis.model_name}", "percent": round((analysis.confidence or 0) * 100)},
    ]
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph)


def bullets(heading: str, lines: Any) -> str:
    found = [f"- {line}" for line in lines]
    return "\n".join([heading, *found]) if found else ""


def evidence_line(evidence: dict[str, Any]) -> str:
    kind = str(KINDS.get(evidence["kind"], evidence["kind"]))
    reference = evidence["reference"]
    # An alert's key says nothing to a reader; an order's number or a handbook's page does.
    source = f"{kind} {reference}" if reference and evidence["kind"] in ("HISTORY", "READING") else kind
    return f"{source}: {evidence['text']}"


def part_line(part: DraftPart, experience: Experience) -> str:
    facts = {"repairs": part.repairs, "of": experience.repairs}
    return f"{part.number} {part.name} " + _("(in %(repairs)d of %(of)d)") % facts


def tasks_of(answer: dict[str, Any]) -> list[DraftTask]:
    """What makes the machine safe comes first, then the recommendations in their order."""
    steps = [(warning, _("Safety")) for warning in answer["safety_warnings"]]
    isolated = [step["action"] for step in answer["recommendations"] if step["requires_isolation"]]
    if isolated:
        steps.append((_("Isolate the machine, lock it out, and prove that it is dead."), "\n".join(isolated)))
    steps += [(step["action"], "") for step in answer["recommendations"]]
    return [task_of(text, instructions) for text, instructions in steps]


def task_of(text: str, instructions: str) -> DraftTask:
    """A line of a checklist; a text that is too long for its title stands below it."""
    title = textwrap.shorten(text, LONGEST_TITLE, placeholder="…")
    whole = text if title != " ".join(text.split()) else ""
    return DraftTask(title=title, instructions="\n".join(part for part in (whole, instructions) if part))


def experience_with(mode: str, machine: Equipment) -> Experience:
    """What repairs of this mode on machines of the same model took; of the same kind where the model isn't known."""
    done = WorkOrder.objects.living().filter(failure_mode__code=mode, completed_at__isnull=False)
    if machine.model:
        done = done.filter(equipment__manufacturer=machine.manufacturer, equipment__model=machine.model)
    else:
        done = done.filter(equipment__category=machine.category_id)
    newest = done.order_by("-completed_at", "-id").values_list("pk", "labour_minutes")[:MOST_REPAIRS]
    minutes_of = dict(newest)
    if not minutes_of:
        return Experience()
    logged = [minutes for minutes in minutes_of.values() if minutes]
    return Experience(
        repairs=len(minutes_of),
        minutes=round(median(logged)) if logged else None,
        repairs_with_minutes=len(logged),
        parts=parts_of(list(minutes_of)),
    )


def parts_of(order_ids: list[UUID]) -> tuple[DraftPart, ...]:
    """The parts of the catalogue that these orders used, the most often used first."""
    uses = PartUse.objects.living().filter(work_order__in=order_ids, part__isnull=False, part__deleted_at=None)
    counted = (
        uses.order_by()
        .values("part_id", "part__number", "part__name", "part__unit")
        .annotate(repairs=Count("work_order", distinct=True), total=Sum("quantity"))
        .order_by("-repairs", "part__number")
    )
    return tuple(
        DraftPart(
            part_id=row["part_id"],
            number=row["part__number"],
            name=row["part__name"],
            unit=row["part__unit"],
            repairs=row["repairs"],
            quantity=(row["total"] / row["repairs"]).quantize(Decimal("0.001")),
        )
        for row in counted[:MOST_PARTS]
    )
