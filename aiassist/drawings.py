"""The page of a machine's technical drawing that fits what was written: its words, its parts, and its picture."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import structlog
from django.core.cache import cache

from aiassist import sandbox
from aiassist.answer import storable
from aiassist.question import DiagramFacts
from equipment.models import Equipment, TechnicalDiagram
from faultreporter.attachments.models import Attachment

MOST_DRAWINGS: Final = 2
MOST_PAGES: Final = 40
LONGEST_PAGE: Final = 3000
MOST_PARTS: Final = 60
EDGE: Final = 1600
SECONDS: Final = 5
"""For the words of one drawing: all of them together take less than a worker's hold on its analysis."""

KEPT_SECONDS: Final = 3600
"""A file never changes, so its words are read once an hour at most, also when they can't be read."""

WORD: Final = re.compile(r"[^\W_]{3,}")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Page:
    """One page of one drawing; pages are numbered from 1."""

    drawing: TechnicalDiagram
    number: int
    text: str

    @property
    def parts(self) -> tuple[str, ...]:
        """What the regions of the drawing are called. They are kept for its first page."""
        labels = [str(region.get("label", "")) for region in self.drawing.hotspots] if self.number == 1 else []
        return tuple(label for label in labels if label)[:MOST_PARTS]

    @property
    def facts(self) -> DiagramFacts:
        return DiagramFacts(
            reference=f"{self.drawing.pk}#{self.number}", title=self.drawing.title, text=self.text, parts=self.parts
        )

    def common_words(self, words: set[str]) -> int:
        return len(words & set(words_of((self.drawing.title, self.text, *self.parts))))


def best_page(equipment: Equipment, words: str) -> Page | None:
    """The page with most of the words in common; of equal ones the first of the newest drawing."""
    rows = equipment.diagrams.living().current().select_related("attachment")
    pages = [page for drawing in rows.order_by("-created_at", "-id")[:MOST_DRAWINGS] for page in pages_of(drawing)]
    wanted = set(words_of((words,)))
    return max(pages, key=lambda page: page.common_words(wanted), default=None)


def page_named(equipment: Equipment, reference: str) -> Page | None:
    """The page that was offered under this reference."""
    drawing_id, _, number = reference.partition("#")
    drawing = equipment.diagrams.select_related("attachment").filter(pk=drawing_id).first()
    return Page(drawing, int(number), "") if drawing else None


def pages_of(drawing: TechnicalDiagram) -> list[Page]:
    texts = texts_of(drawing.attachment) or [""]
    return [Page(drawing, number, text) for number, text in enumerate(texts[:MOST_PAGES], start=1)]


def texts_of(attachment: Attachment) -> list[str]:
    """The words on each page of a PDF; a picture has none that we can read."""
    if attachment.kind != Attachment.Kind.PDF:
        return []
    return cache.get_or_set(f"drawing:{attachment.sha256}", lambda: read(attachment), KEPT_SECONDS) or []


def read(attachment: Attachment) -> list[str]:
    try:
        texts = sandbox.page_texts(content_of(attachment), longest_page=LONGEST_PAGE, seconds=SECONDS)
    except (sandbox.ReadingFailed, FileNotFoundError) as failure:
        log.info("drawing_not_read", attachment_id=str(attachment.pk), reason=str(failure))
        return []
    return [" ".join(storable(text).split()) for text in texts]


def picture_of(page: Page) -> bytes:
    """The page as a JPEG that says at its top that it is no photograph; empty if it can't be drawn."""
    title = f"TECHNICAL DRAWING, not a photograph: {page.facts.reference}"
    try:
        content = content_of(page.drawing.attachment)
        if page.drawing.attachment.kind == Attachment.Kind.PDF:
            return sandbox.page_picture(content, number=page.number - 1, edge=EDGE, title=title)
        return sandbox.titled_picture(content, edge=EDGE, title=title)
    except (sandbox.ReadingFailed, FileNotFoundError) as failure:
        log.info("drawing_not_drawn", attachment_id=str(page.drawing.attachment_id), reason=str(failure))
        return b""


def content_of(attachment: Attachment) -> bytes:
    with attachment.file.open("rb") as file:
        content: bytes = file.read()
    return content


def words_of(texts: Iterable[str]) -> list[str]:
    return [word for text in texts for word in WORD.findall(text.casefold())]
