"""From an uploaded handbook to pages that can be searched. Safe to run twice; a broken paper harms nobody."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import structlog
from django.utils.translation import gettext_lazy as _

from aiassist import sandbox
from aiassist.answer import storable
from aiassist.models import Manual
from aiassist.models.manuals import LONGEST_PAGE
from faultreporter.audit.context import acting
from faultreporter.audit.models import AuditLog

REASONS: Final[dict[str, Any]] = {
    "ENCRYPTED": _("The PDF is protected by a password. Upload one without."),
    "DAMAGED": _("The PDF is damaged or incomplete."),
    "TOO_MANY_PAGES": _("The PDF has more than %(pages)d pages. Upload it in parts."),
    "MEMORY": _("Reading the PDF took too much memory and was stopped."),
    "TIME": _("Reading the PDF took longer than %(seconds)d seconds and was stopped."),
    "CRASHED": _("Reading the PDF broke off: it is damaged, or takes more memory than a manual may."),
    "NO_TEXT": _("Its pages hold pictures and no text; they are probably scans. Upload a version with text."),
    "MISSING": _("The stored file is missing."),
}

log = structlog.get_logger(__name__)


def read(manual_id: UUID) -> None:
    """Read it if it still waits. The reading itself is outside any transaction."""
    manual = Manual.objects.living().select_related("attachment").filter(pk=manual_id, status="PENDING").first()
    if manual is None:
        return
    try:
        texts, reason = texts_of(manual), ""
    except sandbox.ReadingFailed as failure:
        texts, reason = [], failure.reason
    except FileNotFoundError:
        texts, reason = [], "MISSING"
    if not reason and not any(texts):
        reason = "NO_TEXT"
    with acting(by=None, source=AuditLog.Source.TASK):
        if reason:
            log.info("manual_not_read", manual_id=str(manual_id), reason=reason)
            manual.give_up(in_words(reason))
        else:
            manual.keep(texts)


def texts_of(manual: Manual) -> list[str]:
    with manual.attachment.file.open("rb") as file:
        paper: bytes = file.read()
    return [storable(text).strip() for text in sandbox.page_texts(paper, longest_page=LONGEST_PAGE)]


def in_words(reason: str) -> str:
    return str(REASONS[reason]) % {"pages": sandbox.MOST_PAGES, "seconds": sandbox.PAPER_SECONDS}


def sweep(*, at: datetime, most: int = 100) -> int:
    """Wake workers again for manuals whose wake-up got lost; returns how many."""
    with acting(by=None, source=AuditLog.Source.TASK):
        forgotten = list(Manual.objects.forgotten(at).select_for_update(skip_locked=True).order_by("pk")[:most])
        for manual in forgotten:
            manual.wake()
        return len(forgotten)
