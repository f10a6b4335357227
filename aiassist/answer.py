"""What an answer may look like, whoever gives it, and what our own code makes of it. Pure.

A provider's text is data from a stranger: it is checked against one schema, what it refers to must exist, and the
severity of the whole and the need for a second look are ours to derive, never its.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from aiassist.orders import carries_orders, code_carries_orders
from aiassist.question import Question

MAX_TEXT: Final = 200_000
CREDIBLE: Final = 0.2
"""Below this confidence an issue does not decide the severity of the whole."""
DOUBTFUL: Final = 0.5
UNSTORABLE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
FENCE: Final = re.compile(r"\A\s*```(?:json)?\s*\n(.*?)\n?\s*```\s*\Z", re.DOTALL)
LEFT_OUT: Final = {"title", "minLength", "maxLength", "default"}


class Severity(StrEnum):
    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"
    CRITICAL = "CRITICAL"

    @property
    def rank(self) -> int:
        return list(Severity).index(self)


class EvidenceKind(StrEnum):
    REPORT = "REPORT"
    PHOTO = "PHOTO"
    ALERT = "ALERT"
    READING = "READING"
    HISTORY = "HISTORY"
    MANUAL = "MANUAL"
    DIAGRAM = "DIAGRAM"


class ImageQuality(StrEnum):
    GOOD = "GOOD"
    FAIR = "FAIR"
    POOR = "POOR"
    NOT_EXAMINED = "NOT_EXAMINED"


class ReviewReason(StrEnum):
    """Why a person should look before anybody acts on the answer."""

    LOW_CONFIDENCE = "LOW_CONFIDENCE"
    NOT_ASSESSABLE = "NOT_ASSESSABLE"
    SAFETY = "SAFETY"
    MILDER_THAN_ALERT = "MILDER_THAN_ALERT"
    INSTRUCTIONS_FOUND = "INSTRUCTIONS_FOUND"
    POOR_IMAGE = "POOR_IMAGE"
    PHOTO_NOT_EXAMINED = "PHOTO_NOT_EXAMINED"
    UNSUPPORTED = "UNSUPPORTED"
    UNSUPPORTED_NUMBER = "UNSUPPORTED_NUMBER"
    REFUSED = "REFUSED"


def storable(text: str) -> str:
    return UNSTORABLE.sub("", text)


Line = Annotated[str, Field(min_length=1, max_length=300), AfterValidator(storable)]
Paragraph = Annotated[str, Field(min_length=1, max_length=4000), AfterValidator(storable)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid")


Kind = TypeVar("Kind", bound=Part)


class Region(Part):
    """A rectangle on an image, as shares of its width and height from the upper left corner."""

    x: Share
    y: Share
    width: Share
    height: Share


class Evidence(Part):
    """What an issue rests on. `reference` names the alert, metric, order, or page of a manual or diagram.

    A photograph is the one that the issue's `image_index` and `region` show.
    """

    kind: EvidenceKind
    text: Line
    reference: Line | None


class Issue(Part):
    title: Line
    component: Line | None
    failure_mode: Line | None
    mechanism: Line | None
    severity: Severity
    confidence: Share
    evidence: Annotated[list[Evidence], Field(max_length=20)]
    image_index: Annotated[int, Field(ge=0, le=20)] | None
    region: Region | None


class Recommendation(Part):
    action: Paragraph
    priority: Severity
    requires_isolation: bool


class Answer(Part):
    condition: Paragraph
    components: Annotated[list[Line], Field(max_length=30)]
    issues: Annotated[list[Issue], Field(max_length=15)]
    recommendations: Annotated[list[Recommendation], Field(max_length=20)]
    safety_warnings: Annotated[list[Paragraph], Field(max_length=10)]
    not_assessable_reason: Paragraph | None
    image_quality: ImageQuality
    text_in_image: Paragraph | None


class InvalidAnswer(Exception):
    """The text isn't an answer in our schema; the message says where, without repeating what a stranger wrote."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What our code says about an answer. A handover has neither severity nor confidence."""

    severity: Severity | Literal[""]
    confidence: float | None
    review_reasons: tuple[ReviewReason, ...]
    dropped_citations: int = 0


def parse_answer(text: str) -> Answer:
    return parsed(text, Answer)


def parsed(text: str, kind: type[Kind]) -> Kind:
    """The answer in a provider's raw text. A code fence round it is forgiven, anything else is InvalidAnswer."""
    if not text.strip():
        raise InvalidAnswer("the answer is empty")
    if len(text) > MAX_TEXT:
        raise InvalidAnswer("the answer is too long")
    fenced = FENCE.match(text)
    try:
        return kind.model_validate_json(fenced[1] if fenced else text, strict=True)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "the document"
        raise InvalidAnswer(f"{where}: {first['type']}"[:300]) from error


def judge(answer: Answer, question: Question) -> Verdict:
    severity = overall_severity(answer, question)
    confidence = max((issue.confidence for issue in answer.issues), default=0.0)
    reasons = (
        (ReviewReason.NOT_ASSESSABLE, answer.not_assessable_reason is not None or not answer.issues),
        (ReviewReason.LOW_CONFIDENCE, confidence < DOUBTFUL),
        (ReviewReason.SAFETY, severity is Severity.CRITICAL or bool(answer.safety_warnings)),
        (ReviewReason.MILDER_THAN_ALERT, any(severity.rank < Severity(a.severity).rank for a in question.alerts)),
        (ReviewReason.INSTRUCTIONS_FOUND, has_orders(answer, question)),
        (ReviewReason.POOR_IMAGE, answer.image_quality is ImageQuality.POOR),
        (
            ReviewReason.PHOTO_NOT_EXAMINED,
            question.image_count > 0 and answer.image_quality is ImageQuality.NOT_EXAMINED,
        ),
    )
    return Verdict(severity, confidence, tuple(reason for reason, holds in reasons if holds))


def has_orders(answer: Answer, question: Question) -> bool:
    """Whether a picture, a code in it, or a text that came with the question tries to instruct the model."""
    return carries_orders((answer.text_in_image or "", *question.foreign_texts())) or any(
        code_carries_orders(code) for code in question.codes
    )


def overall_severity(answer: Answer, question: Question) -> Severity:
    """The worst credible issue; a warning makes it HIGH at least.

    What can't be assessed is as bad as its alert says, and as urgent as what is to be done about it.
    """
    credible = [issue.severity for issue in answer.issues if issue.confidence >= CREDIBLE]
    found = credible or [issue.severity for issue in answer.issues]
    if not found:
        found = [Severity(alert.severity) for alert in question.alerts] or [Severity.MEDIUM]
        found += [step.priority for step in answer.recommendations]
    floor = [Severity.HIGH] if answer.safety_warnings else []
    return max([*found, *floor], key=lambda severity: severity.rank)


def answer_schema() -> dict[str, Any]:
    return schema_of(Answer)


def schema_of(kind: type[Part]) -> dict[str, Any]:
    """The JSON schema to send to providers: every field required, no others, only keywords that all of them know."""
    schema: dict[str, Any] = plain(kind.model_json_schema())
    return schema


def plain(node: Any) -> Any:
    if isinstance(node, list):
        return [plain(item) for item in node]
    if not isinstance(node, dict):
        return node
    kept = {key: plain(value) for key, value in node.items() if key not in LEFT_OUT}
    if "properties" in node:  # its keys are names of ours, "title" among them
        kept["properties"] = {name: plain(value) for name, value in node["properties"].items()}
    return kept
