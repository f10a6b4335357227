"""PDFs for tests, friendly and hostile, all made here."""

import zlib
from io import BytesIO

from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from faultreporter.attachments.tests.pictures import photograph


def pdf(*pages: str, password: str = "") -> bytes:
    """A page for each text, a line for each of its lines."""
    target = BytesIO()
    canvas = Canvas(target, encrypt=StandardEncryption(password) if password else None)
    for page in pages:
        for number, line in enumerate(page.splitlines()):
            canvas.drawString(72, 760 - 16 * number, line)
        canvas.showPage()
    canvas.save()
    return target.getvalue()


def scanned(pages: int = 2) -> bytes:
    """Pictures of pages and no letter of text."""
    target = BytesIO()
    canvas = Canvas(target)
    for _ in range(pages):
        canvas.drawImage(ImageReader(BytesIO(photograph(size=(200, 300)))), 50, 50)
        canvas.showPage()
    canvas.save()
    return target.getvalue()


def with_content(stream: bytes, *, pages: int = 1, font: bool = True) -> bytes:
    """A paper whose pages all run this content stream, as it is."""
    packed = zlib.compress(stream, 9)
    resources = b"/Resources<</Font<</F1 5 0 R>>>>" if font else b""
    kids = b" ".join(b"3 0 R" for _ in range(pages))
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Count %d/Kids[%s]>>" % (pages, kids),
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R%s>>" % resources,
        b"<</Length %d/Filter/FlateDecode>>stream\n%s\nendstream" % (len(packed), packed),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    body = b"%PDF-1.4\n" + b"".join(b"%d 0 obj%s endobj\n" % (n, one) for n, one in enumerate(objects, start=1))
    return body + b"trailer<</Root 1 0 R/Size 6>>\n%%EOF\n"


def endless() -> bytes:
    """A few kilobytes that unfold to a hundred million words on two thousand pages."""
    return with_content(b"BT /F1 9 Tf " + b"(word) Tj " * 200_000 + b"ET", pages=2000)


def bloated() -> bytes:
    """Less than a megabyte that unfolds to half a gigabyte."""
    return with_content(b"BT /F1 9 Tf " + b"(word) Tj " * 40_000_000 + b"ET")
