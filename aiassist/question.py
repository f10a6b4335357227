"""What is known about a fault when somebody is asked about it: plain facts, read from the database beforehand. Pure."""

from dataclasses import dataclass


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

    `direction` of a reading beyond its rule is "high" or "low"; `limit` says the rule in words.
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


@dataclass(frozen=True, slots=True)
class PastFailure:
    """A repair of this very machine that was closed with a failure mode."""

    reference: str
    mode_code: str
    age_days: float
    cause: str = ""
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """`images` are JPEGs in the order that `image_index` counts; empty for who doesn't look at them."""

    description: str = ""
    equipment_name: str = ""
    equipment_type: str = ""
    criticality: str = "MEDIUM"
    modes: tuple[ModeFacts, ...] = ()
    alerts: tuple[AlertFacts, ...] = ()
    readings: tuple[ReadingFacts, ...] = ()
    past: tuple[PastFailure, ...] = ()
    image_count: int = 0
    images: tuple[bytes, ...] = ()
