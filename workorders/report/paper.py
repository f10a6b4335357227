"""Letters and styles of the report. Whatever people wrote is text here, never markup."""

from functools import lru_cache
from io import BytesIO
from typing import Any, Final
from xml.sax.saxutils import escape

from django.utils.translation import gettext as _
from pymupdf_fonts import FiraGO_Bold, FiraGO_Regular
from reportlab.lib import colors
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import Paragraph, Table

WIDTH: Final = 174 * mm
BODY, BOLD = "FiraGO", "FiraGO-Bold"
GREY, LINE, RED, GREEN = (colors.HexColor(code) for code in ("#6b7280", "#d1d5db", "#b91c1c", "#15803d"))
LONGEST_NOTE: Final = 1_000
MOST_LINES: Final = 400


@lru_cache
def letters() -> frozenset[int]:
    """The characters that can be printed: Latin, Greek, Cyrillic and more. Loads the fonts once per process."""
    for name, source in ((BODY, FiraGO_Regular), (BOLD, FiraGO_Bold)):
        pdfmetrics.registerFont(TTFont(name, BytesIO(source.fontbuffer)))
    pdfmetrics.registerFontFamily(BODY, normal=BODY, bold=BOLD, italic=BODY, boldItalic=BOLD)
    return frozenset(pdfmetrics.getFont(BODY).face.charToGlyph)


def style(name: str, **options: Any) -> ParagraphStyle:
    usual = {"fontName": BODY, "fontSize": 9, "leading": 12.5, "splitLongWords": True}
    return ParagraphStyle(name, **(usual | options))


PLAIN = style("plain")
SMALL = style("small", fontSize=7.5, leading=10, textColor=GREY)
LABEL = style("label", fontSize=8, leading=11, textColor=GREY)
HEADING = style("heading", fontName=BOLD, fontSize=11, leading=14, spaceBefore=10, spaceAfter=3, keepWithNext=True)
TITLE = style("title", fontName=BOLD, fontSize=15, leading=19)
CENTRED = style("centred", fontSize=7.5, leading=10, textColor=GREY, alignment=1)


def printable(text: Any) -> str:
    """The text in letters that the font has. Another one becomes a question mark instead of an empty box."""
    known = letters()
    return "".join(c if ord(c) in known or c == "\n" else " " if c.isspace() else shown(c) for c in str(text))


def shown(character: str) -> str:
    """What stands for a character that can't be printed: nothing for one that is invisible anyway."""
    return "?" if character.isprintable() else ""


def clipped(text: Any, longest: int = LONGEST_NOTE) -> str:
    whole = str(text)
    return whole if len(whole) <= longest else whole[:longest] + " " + _("… (the rest stands in the record)")


def words(text: Any, kind: ParagraphStyle = PLAIN, *, colour: Any = None, bold: bool = False) -> Paragraph:
    inner = escape(printable(text)).replace("\n", "<br/>")
    inner = f"<b>{inner}</b>" if bold else inner
    if colour is not None:
        inner = f'<font color="#{colour.hexval()[2:]}">{inner}</font>'
    return Paragraph(inner, kind)


def prose(text: str) -> list[Paragraph]:
    """Long text, a paragraph a line, so that it flows over as many pages as it needs."""
    lines = text.split("\n")
    shown_lines = [*lines[:MOST_LINES], *([_("… (the rest stands in the record)")] if len(lines) > MOST_LINES else [])]
    return [words(line or " ") for line in shown_lines]


def facts(pairs: list[tuple[str, Any]], *, width: float = WIDTH) -> Table:
    """Labels and values, two pairs a row."""
    cells = [(words(label, LABEL), words(value)) for label, value in pairs if value not in (None, "")]
    rows = [[*cells[n], *(cells[n + 1] if n + 1 < len(cells) else ("", ""))] for n in range(0, len(cells), 2)]
    return table(rows or [["", "", "", ""]], [width * share for share in (0.16, 0.34, 0.16, 0.34)])


def table(rows: list[list[Any]], widths: list[float], *, head: bool = False) -> Table:
    looks = [
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LEFTPADDING", (0, 0), (-1, -1), 2),
        ("RIGHTPADDING", (0, 0), (-1, -1), 4),
        ("TOPPADDING", (0, 0), (-1, -1), 1.5),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 2.5),
        ("LINEBELOW", (0, 0), (-1, -1), 0.3, LINE),
    ]
    return Table(rows, colWidths=widths, style=looks, repeatRows=1 if head else 0, splitInRow=1, hAlign="LEFT")
