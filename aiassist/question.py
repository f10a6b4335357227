"""What is known about a fault when somebody is asked about it: plain facts, read from the database beforehand. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from aiassist.learning import FLEET, FleetFacts


@dataclass(frozen=True, slots=True)
class ModeFacts:
    """A way in which machines of this kind fail. `is_generic`: any machine can."""

    code: str
    name: str
    description: str = ""
    mechanism: str = ""
    keywords: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()
    remedy: str = ""
    is_generic: bool = False


@dataclass(frozen=True, slots=True)
class AlertFacts:
    reference: str
    title: str
    severity: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class ReadingFacts:
    """The latest value of one metric of the machine. `beyond` is None where no rule watches it.

    `direction` of a reading beyond its rule is "high" or "low"; `limit` says the rule in words. `rules` are all that
    watch it. The last three are of the 24 hours before, None where nothing was recorded.
    """

    metric: str
    name: str
    value: float
    unit: str
    age_seconds: float
    beyond: bool | None = None
    direction: str = ""
    limit: str = ""
    severity: str = "MEDIUM"
    rules: tuple[str, ...] = ()
    day_low: float | None = None
    day_high: float | None = None
    day_mean: float | None = None


@dataclass(frozen=True, slots=True)
class PastFailure:
    """A repair of this very machine that was closed with a failure mode."""

    reference: str
    mode_code: str
    age_days: float
    cause: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class ManualFacts:
    """What a page of a maker's handbook says about the words of the question. Cited as `<manual id>#<page>`."""

    reference: str
    title: str
    excerpt: str


@dataclass(frozen=True, slots=True)
class DiagramFacts:
    """A page of the machine's technical diagram: the words on it, and the parts that its hotspots name."""

    reference: str
    title: str
    text: str = ""
    parts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """`images` are JPEGs in the order that `image_index` counts; empty for who doesn't look at them.

    `drawing` is a JPEG of the one page in `diagrams`, empty where there is none. `codes` are the texts of QR codes in
    the photographs. `left_out` says in words what didn't fit into the prompt.
    """

    description: str = ""
    equipment_name: str = ""
    equipment_type: str = ""
    criticality: str = "MEDIUM"
    modes: tuple[ModeFacts, ...] = ()
    alerts: tuple[AlertFacts, ...] = ()
    readings: tuple[ReadingFacts, ...] = ()
    past: tuple[PastFailure, ...] = ()
    fleet: FleetFacts | None = None
    manuals: tuple[ManualFacts, ...] = ()
    diagrams: tuple[DiagramFacts, ...] = ()
    codes: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    image_count: int = 0
    images: tuple[bytes, ...] = ()
    drawing: bytes = b""

    def references(self) -> dict[str, set[str]]:
        """What may be cited, by the kind of evidence. The report and the photographs are there or not."""
        return {
            "ALERT": {alert.reference for alert in self.alerts},
            "READING": {reading.metric for reading in self.readings},
            "HISTORY": {repair.reference for repair in self.past} | ({FLEET} if self.fleet else set()),
            "MANUAL": {page.reference for page in self.manuals},
            "DIAGRAM": {page.reference for page in self.diagrams},
        }

    def foreign_texts(self) -> Iterator[str]:
        """Whatever people and papers wrote, as opposed to what our own catalogue says."""
        yield self.description
        for alert in self.alerts:
            yield from (alert.title, alert.description)
        for repair in self.past:
            yield from (repair.cause, repair.remedy)
        for page in self.manuals:
            yield page.excerpt
        for diagram in self.diagrams:
            yield from (diagram.text, *diagram.parts)
