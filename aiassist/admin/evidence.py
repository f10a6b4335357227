"""What an answer rests on, as links to the records it names. One query for each kind of record that is named."""

from collections.abc import Callable, Iterable
from typing import Any, Final
from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext

from aiassist.models import Analysis, Manual
from alerts.models import Alert
from equipment.models import TechnicalDiagram
from faultreporter.accounts.models import User
from faultreporter.backoffice import page_of
from telemetry.models import Series
from workorders.models import WorkOrder

Found = dict[str, tuple[str, str]]
"""Of each reference: the address of its page and what the link says."""
Finder = Callable[[set[str], Analysis, User], Found]


def links_of(evidence: Iterable[dict[str, Any]], analysis: Analysis, user: User) -> dict[str, Found]:
    """By kind, what of the named records exists and this person may see; the rest stays words."""
    named: dict[str, set[str]] = {}
    for piece in evidence:
        if piece["reference"]:
            named.setdefault(piece["kind"], set()).add(piece["reference"])
    return {kind: FINDERS[kind](references, analysis, user) for kind, references in named.items() if kind in FINDERS}


def alerts_named(references: set[str], _analysis: Analysis, user: User) -> Found:
    rows = Alert.objects.for_user(user).filter(pk__in=keys(references))
    return {str(row.pk): (page_of(row), str(row)) for row in rows}


def series_named(references: set[str], analysis: Analysis, user: User) -> Found:
    """A metric of the machine: the curve of its readings."""
    rows = Series.objects.for_user(user).filter(equipment=analysis.equipment_id, metric__code__in=references)
    return {row.metric.code: (page_of(row), row.metric.name) for row in rows.select_related("metric")}


def orders_named(references: set[str], _analysis: Analysis, user: User) -> Found:
    rows = WorkOrder.objects.for_user(user).filter(number__in=references)
    return {row.number: (page_of(row), row.number) for row in rows}


def manuals_named(references: set[str], _analysis: Analysis, _user: User) -> Found:
    """`<manual id>#<page>`: the file, opened at the page by a reader that knows how."""
    rows = {str(row.pk): row for row in Manual.objects.filter(pk__in=keys(references))}
    named = ((reference, rows.get(document_of(reference))) for reference in references)
    return {
        reference: (f"{file_url(manual)}#page={page_in(reference)}", paged(manual.title, reference))
        for reference, manual in named
        if manual
    }


def diagrams_named(references: set[str], _analysis: Analysis, user: User) -> Found:
    rows = {str(row.pk): row for row in TechnicalDiagram.objects.for_user(user).filter(pk__in=keys(references))}
    named = ((reference, rows.get(document_of(reference))) for reference in references)
    return {ref: (page_of(diagram), paged(str(diagram), ref)) for ref, diagram in named if diagram}


FINDERS: Final[dict[str, Finder]] = {
    "ALERT": alerts_named,
    "READING": series_named,
    "HISTORY": orders_named,
    "MANUAL": manuals_named,
    "DIAGRAM": diagrams_named,
}


def keys(references: Iterable[str]) -> list[UUID]:
    """Those that can be ids; what a model made up isn't asked for."""
    found = []
    for reference in references:
        try:
            found.append(UUID(document_of(reference)))
        except ValueError:
            continue
    return found


def document_of(reference: str) -> str:
    return reference.partition("#")[0]


def page_in(reference: str) -> str:
    return reference.partition("#")[2]


def paged(title: str, reference: str) -> str:
    page = page_in(reference)
    return gettext("%(title)s, page %(page)s") % {"title": title, "page": page} if page else title


def file_url(manual: Manual) -> str:
    return reverse("admin:attachments_attachment_file", args=[manual.attachment_id])
