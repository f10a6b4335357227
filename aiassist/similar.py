"""What it was the last times: past faults like this one, ranked by a score whose reasons can be read.

The score is a sum of four parts, a hundred points at most:

| part    | points | full for |
|---------|-------:|----------|
| words   |     40 | the same words, by their trigrams |
| mode    |     30 | the failure mode that this fault is taken for |
| family  |     20 | the same machine; the same model 14, the same category 8, the same rule 6, the same metric 4 |
| recency |     10 | today; half of it after a year |

Nothing is asked outside. Only some candidates are looked at, each kind by its index and the newest first: this
machine's, its category's, its rule's, those of the mode, and titles with one of its words.
"""

import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from django.contrib.postgres.search import TrigramSimilarity
from django.db.models import FilteredRelation, OuterRef, Q, QuerySet, Subquery, TextField, UUIDField, Value
from django.db.models.fields.json import KT
from django.db.models.functions import Coalesce, Concat, Greatest, Left
from django.utils.translation import gettext_lazy as _

from aiassist.models import Analysis
from aiassist.words import COMMON, WORD, stem
from alerts.models import Alert
from equipment.models import Equipment, FailureMode
from faultreporter.accounts.models import User
from locations.scope import hidden_site_ids
from workorders.models import WorkOrder

WORDS: Final = 40
MODE: Final = 30
MACHINE, MODEL, CATEGORY, RULE, METRIC = 20, 14, 8, 6, 4
RECENCY: Final = 10
HALF_LIFE: Final = timedelta(days=365)
TELLING: Final = 0.15
"""Below this similarity words have nothing to do with each other."""
LEAST_SCORE: Final = 20
"""The same category and a year that is nearly fresh say nothing yet."""
PROPOSED: Final = 5
MOST: Final = 20
OF_EACH_KIND: Final = 60
SHORTEST_WORD, MOST_WORDS = 4, 3
LONGEST_TEXT: Final = 500
"""So much of a description is compared: a trigram costs time."""
WORK_ORDERS: Final = "/api/v1/work-orders"
REPAIRED: Final = ("COMPLETED", "CLOSED")


@dataclass(frozen=True, slots=True)
class Asked:
    """What is known of the fault that others are compared with. `mode_id` is None if nobody can tell."""

    equipment_id: uuid.UUID
    manufacturer: str = ""
    model: str = ""
    category_id: uuid.UUID | None = None
    rule_id: uuid.UUID | None = None
    metric_id: Any = None
    mode_id: uuid.UUID | None = None


class PastFault(NamedTuple):
    """An alert that was resolved, with the order that mended it, or a repair that had no alert. `words` is 0 to 1."""

    alert_id: uuid.UUID | None
    title: str
    severity: str
    resolution: str
    at: datetime
    equipment_id: uuid.UUID
    equipment_code: str
    equipment_name: str
    manufacturer: str
    model: str
    category_id: uuid.UUID | None
    rule_id: uuid.UUID | None
    metric_id: Any
    down_from: datetime | None
    down_until: datetime | None
    order_id: uuid.UUID | None
    number: str | None
    mode_id: uuid.UUID | None
    mode: str | None
    mode_name: str | None
    cause: str | None
    remedy: str | None
    done: str | None
    minutes: int | None
    words: float

    @property
    def key(self) -> uuid.UUID | None:
        """An alert that was opened again has several orders, and is told once."""
        return self.alert_id or self.order_id

    @property
    def machine(self) -> str:
        return f"{self.equipment_code} {self.equipment_name}"

    @property
    def failure_mode(self) -> dict[str, str | None] | None:
        return {"code": self.mode, "name": self.mode_name} if self.mode else None

    @property
    def work_order(self) -> dict[str, Any] | None:
        link = f"{WORK_ORDERS}/{self.order_id}"
        return {"id": self.order_id, "number": self.number, "link": link} if self.order_id else None

    @property
    def labour_hours(self) -> float | None:
        return None if self.minutes is None else round(self.minutes / 60, 2)

    @property
    def downtime_hours(self) -> float | None:
        """How long the machine was down; None if it went on running."""
        if self.down_from is None or self.down_until is None:
            return None
        return round((self.down_until - self.down_from) / timedelta(hours=1), 2)


OF_ORDER: Final = (
    "number", "failure_mode_id", "failure_mode__code", "failure_mode__name", "cause", "remedy", "resolution",
    "labour_minutes",
)  # fmt: skip
OF_MACHINE: Final = (
    "equipment__equipment_code", "equipment__equipment_name", "equipment__manufacturer", "equipment__model",
    "equipment__category_id",
)  # fmt: skip
OF_DOWNTIME: Final = ("downtime__started_at", "downtime__ended_at")


SAID: Final = {
    "MACHINE": _("same machine"),
    "MODEL": _("same model %(about)s"),
    "CATEGORY": _("same kind of machine"),
    "RULE": _("same alarm rule"),
    "METRIC": _("same metric"),
    "FAILURE_MODE": _("same failure mode %(about)s"),
    "WORDS": _("similar words %(about)s"),
    "RECENCY": _("%(about)s days ago"),
}


class Reason(NamedTuple):
    """Why it is similar. The words are put together only for who reads them: most candidates are never shown."""

    code: str
    points: int
    about: object = ""

    @property
    def text(self) -> str:
        return str(SAID[self.code]) % {"about": self.about}


class SimilarFault(NamedTuple):
    fault: PastFault
    score: int
    reasons: list[Reason]


def similar_faults(
    alert: Alert, *, mode_id: uuid.UUID | None, user: User, at: datetime, limit: int = PROPOSED
) -> list[SimilarFault]:
    """The most similar ones of those the person may see, in two queries. `mode_id`: what it is taken for, if known."""
    found = past_faults(alert, mode_id=mode_id, user=user)
    return rank(asked(alert, mode_id or usual_mode(alert.rule_id, found)), found, at=at, limit=limit)


def rank(fault: Asked, found: Iterable[PastFault], *, at: datetime, limit: int = PROPOSED) -> list[SimilarFault]:
    """The best first, equal ones the newest first; each alert and each order once."""
    rated = [SimilarFault(one, sum(r.points for r in why), why) for one in found if (why := reasons(fault, one, at=at))]
    rated.sort(key=lambda one: (-one.score, -one.fault.at.timestamp(), str(one.fault.key)))
    once: dict[uuid.UUID | None, SimilarFault] = {}
    for one in rated:
        if one.score >= LEAST_SCORE:
            once.setdefault(one.fault.key, one)
    return list(once.values())[:limit]


def reasons(fault: Asked, past: PastFault, *, at: datetime) -> list[Reason]:
    parts = (for_family(fault, past), for_mode(fault, past), for_words(past), for_recency(past, at=at))
    return [part for part in parts if part is not None]


def for_family(fault: Asked, past: PastFault) -> Reason | None:
    """The closest kinship that holds."""
    same_model = bool(fault.model) and (fault.manufacturer, fault.model) == (past.manufacturer, past.model)
    kinships = (
        (past.equipment_id == fault.equipment_id, Reason("MACHINE", MACHINE)),
        (same_model, Reason("MODEL", MODEL, past.model)),
        (is_same(fault.category_id, past.category_id), Reason("CATEGORY", CATEGORY)),
        (is_same(fault.rule_id, past.rule_id), Reason("RULE", RULE)),
        (is_same(fault.metric_id, past.metric_id), Reason("METRIC", METRIC)),
    )
    return next((reason for holds, reason in kinships if holds), None)


def for_mode(fault: Asked, past: PastFault) -> Reason | None:
    return Reason("FAILURE_MODE", MODE, past.mode) if is_same(fault.mode_id, past.mode_id) else None


def for_words(past: PastFault) -> Reason | None:
    return Reason("WORDS", round(WORDS * past.words), f"{past.words:.2f}") if past.words >= TELLING else None


def for_recency(past: PastFault, *, at: datetime) -> Reason | None:
    age = max(at - past.at, timedelta(0))
    points = round(RECENCY * 0.5 ** (age / HALF_LIFE))
    return Reason("RECENCY", points, age.days) if points else None


def is_same(one: Any, other: Any) -> bool:
    return one is not None and one == other


def asked(alert: Alert, mode_id: uuid.UUID | None) -> Asked:
    machine = alert.equipment
    return Asked(
        equipment_id=machine.pk,
        manufacturer=machine.manufacturer,
        model=machine.model,
        category_id=machine.category_id,
        rule_id=alert.rule_id,
        metric_id=alert.rule.metric_id if alert.rule else None,
        mode_id=mode_id,
    )


def usual_mode(rule_id: uuid.UUID | None, found: Sequence[PastFault]) -> uuid.UUID | None:
    """What the alerts of this rule turned out to be most often; None if nobody said of any."""
    modes = Counter(one.mode_id for one in found if one.mode_id and is_same(rule_id, one.rule_id))
    return modes.most_common(1)[0][0] if modes else None


def likely_mode() -> Coalesce:
    """For an annotation of alerts: the failure mode found, else said by a person, else named first by the assistant."""
    orders = WorkOrder.objects.living().filter(alert=OuterRef("pk"), failure_mode__isnull=False)
    answers = Analysis.objects.filter(alert=OuterRef("pk"), status=Analysis.Status.SUCCEEDED).order_by("-created_at")
    named = FailureMode.objects.living().filter(code=OuterRef("code")).values("pk")
    said = answers.annotate(code=KT("result__issues__0__failure_mode")).values(
        mode=Coalesce("review__failure_mode", Subquery(named[:1]))
    )
    return Coalesce(
        Subquery(orders.order_by("-created_at").values("failure_mode")[:1]),
        Subquery(said[:1]),
        output_field=UUIDField(),
    )


# Candidates ----------------------------------------------------------------------------------------------------------


def past_faults(alert: Alert, *, mode_id: uuid.UUID | None, user: User) -> list[PastFault]:
    """Resolved alerts with what was found, and repairs without an alert, that may have to do with it. Two queries."""
    in_sight = seen_by(user)
    alerts = Alert.objects.living().filter(in_sight, status=Alert.Status.RESOLVED).exclude(pk=alert.pk)
    alerts = alerts.exclude(resolution=Alert.Resolution.DUPLICATE)
    orders = WorkOrder.objects.living().filter(
        in_sight, status__in=REPAIRED, alert=None, type=WorkOrder.Type.CORRECTIVE
    )
    rows = alert_rows(alert, one_of(alert_kinds(alerts, alert, mode_id)))
    return [
        PastFault(*row) for row in rows.union(order_rows(alert, one_of(order_kinds(orders, alert, mode_id))), all=True)
    ]


def seen_by(user: User) -> Q:
    """What `for_user` says, for alerts and orders at once."""
    hidden = hidden_site_ids(user)
    return ~(Q(equipment__location__in=hidden) | Q(equipment__location__site__in=hidden)) if hidden else Q()


def one_of(kinds: Sequence[QuerySet[Any]]) -> QuerySet[Any]:
    """Of each kind the newest. Cut off before they meet: the planner goes along an index for each."""
    newest = [kind.order_by("-created_at", "-pk").values("pk")[:OF_EACH_KIND] for kind in kinds]
    found = newest[0].union(*newest[1:])
    rows: QuerySet[Any] = kinds[0].model._default_manager.filter(pk__in=found)
    return rows


def alert_kinds(rows: QuerySet[Alert], alert: Alert, mode_id: uuid.UUID | None) -> list[QuerySet[Alert]]:
    kinds = [rows.filter(kin) for kin in kinship(alert.equipment)]
    if alert.rule:
        kinds.append(rows.filter(rule__metric=alert.rule.metric_id))  # a rule's words are the same every time
    else:
        kinds += with_word_of(alert.title, rows)
    if mode_id:
        mended = WorkOrder.objects.living().filter(failure_mode=mode_id, status__in=REPAIRED, alert__isnull=False)
        kinds.append(rows.filter(pk__in=mended.order_by("-created_at").values("alert")[:OF_EACH_KIND]))
    return kinds


def order_kinds(rows: QuerySet[WorkOrder], alert: Alert, mode_id: uuid.UUID | None) -> list[QuerySet[WorkOrder]]:
    kinds = [rows.filter(kin) for kin in kinship(alert.equipment)]
    if mode_id:
        kinds.append(rows.filter(failure_mode=mode_id))
    return kinds + with_word_of(alert.title, rows)


def kinship(machine: Equipment) -> list[Q]:
    same_machine = Q(equipment=machine)
    return [same_machine, Q(equipment__category=machine.category_id)] if machine.category_id else [same_machine]


def with_word_of(title: str, rows: QuerySet[Any]) -> list[QuerySet[Any]]:
    """By the index that also serves `?search=`; to find merely similar trigrams (`%`) takes it fifty times as long."""
    return [rows.filter(title__icontains=word) for word in telling(title)]


def telling(title: str) -> list[str]:
    """The beginnings of its longest words that aren't everywhere: leak for leaking."""
    words = {stem(word) for word in WORD.findall(title.casefold()) if word not in COMMON}
    return sorted((word for word in words if len(word) >= SHORTEST_WORD), key=lambda word: (-len(word), word))[
        :MOST_WORDS
    ]


def alert_rows(alert: Alert, rows: QuerySet[Alert]) -> QuerySet[Any]:
    done = Q(work_orders__status__in=REPAIRED, work_orders__deleted_at=None)
    return rows.alias(done=FilteredRelation("work_orders", condition=done)).values_list(
        "pk", "title", "severity", "resolution", "resolved_at", "equipment_id", *OF_MACHINE, "rule_id",
        "rule__metric_id", *OF_DOWNTIME, "done__pk", *(f"done__{name}" for name in OF_ORDER), likeness(alert),
    )  # fmt: skip


def order_rows(alert: Alert, rows: QuerySet[WorkOrder]) -> QuerySet[Any]:
    nothing = Value(None, output_field=Alert._meta.pk)
    return rows.values_list(
        nothing, "title", "priority", Value(Alert.Resolution.FIXED.value), "completed_at", "equipment_id", *OF_MACHINE,
        nothing, Value(None, output_field=Alert._meta.pk), *OF_DOWNTIME, "pk", *OF_ORDER, likeness(alert),
    )  # fmt: skip


def likeness(alert: Alert) -> Greatest:
    """How similar the words are: those of the title, or all of them, whichever is more alike."""
    text = Left(Concat("title", Value(" "), "description", output_field=TextField()), LONGEST_TEXT)
    said = f"{alert.title} {alert.description}"[:LONGEST_TEXT]
    return Greatest(TrigramSimilarity("title", alert.title), TrigramSimilarity(text, said))
