"""What runs in a process of its own: the reading of papers and pictures from strangers. Started by `aiassist.sandbox`.

It knows nothing of Django, the database or any secret. It takes bytes on standard input and writes to standard output;
what goes wrong it says by its exit code. Limits are set before the first byte is looked at.
"""

import json
import resource
import struct
import sys
from io import BytesIO
from typing import Any

FAILED = {"ENCRYPTED": 3, "DAMAGED": 4, "TOO_MANY_PAGES": 5, "MEMORY": 6}
MEGABYTE = 1_000_000


def main(task: str, memory_mb: str, seconds: str, *options: str) -> int:
    limit(int(memory_mb), int(seconds))
    try:
        answer = TASKS[task](sys.stdin.buffer.read(), *options)
    except MemoryError:
        return FAILED["MEMORY"]
    except Refusal as refusal:
        return FAILED[str(refusal)]
    sys.stdout.buffer.write(answer)
    return 0


class Refusal(Exception):
    """Its text is a key of FAILED."""


def limit(memory_mb: int, seconds: int) -> None:
    for what, most in (
        (resource.RLIMIT_AS, memory_mb * MEGABYTE),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, 100 * MEGABYTE),
        (resource.RLIMIT_CORE, 0),
    ):
        try:
            resource.setrlimit(what, (most, most))
        except (ValueError, OSError):
            continue  # not every system limits everything; the clock of the parent holds everywhere


def opened(content: bytes) -> Any:
    import pypdfium2  # noqa: PLC0415 - only for papers

    try:
        return pypdfium2.PdfDocument(content)
    except pypdfium2.PdfiumError as error:
        raise Refusal("ENCRYPTED" if "password" in str(error).lower() else "DAMAGED") from error


def text(content: bytes, most_pages: str, longest_page: str) -> bytes:
    """The text of each page, as JSON."""
    document = opened(content)
    if len(document) > int(most_pages):
        raise Refusal("TOO_MANY_PAGES")
    return json.dumps([page_text(document, number)[: int(longest_page)] for number in range(len(document))]).encode()


def page_text(document: Any, number: int) -> str:
    """Empty where the page is damaged: the others may be whole."""
    import pypdfium2  # noqa: PLC0415 - only for papers

    try:
        page = document[number]
        found: str = page.get_textpage().get_text_bounded()
        page.close()
    except pypdfium2.PdfiumError:
        return ""
    return found


def render(content: bytes, number: str, edge: str, title: str) -> bytes:
    """One page as a JPEG, with a line at its top that says what it is."""
    import pypdfium2  # noqa: PLC0415 - only for papers

    document = opened(content)
    try:
        page = document[int(number)]
        scale = int(edge) / max(*page.get_size(), 1)
        picture = page.render(scale=min(scale, 4)).to_pil().convert("RGB")
    except (pypdfium2.PdfiumError, IndexError, ValueError) as error:
        raise Refusal("DAMAGED") from error
    return labelled(picture, title)


def label(content: bytes, edge: str, title: str) -> bytes:
    """A picture made smaller, with a line at its top that says what it is."""
    from PIL import Image  # noqa: PLC0415 - only for pictures

    picture: Any = Image.open(BytesIO(content), formats=["JPEG", "PNG"])
    picture.thumbnail((int(edge), int(edge)))
    return labelled(picture.convert("RGB"), title)


def labelled(picture: Any, title: str) -> bytes:
    from PIL import Image, ImageDraw  # noqa: PLC0415 - only for pictures

    band = 24
    sheet = Image.new("RGB", (picture.width, picture.height + band), "white")
    ImageDraw.Draw(sheet).text((4, 6), title.encode("ascii", "replace").decode(), fill="black")
    sheet.paste(picture, (0, band))
    target = BytesIO()
    sheet.save(target, "JPEG", quality=80)
    return target.getvalue()


def codes(content: bytes, most: str) -> bytes:
    """The texts of the QR codes in JPEGs that come one after the other, each behind its length; as JSON.

    Other kinds of codes take fifteen times as long to look for, and hold a number.
    """
    import zxingcpp  # noqa: PLC0415 - only for codes
    from PIL import Image  # noqa: PLC0415 - only for pictures

    found: list[str] = []
    while content:
        (length,) = struct.unpack(">I", content[:4])
        picture, content = content[4 : 4 + length], content[4 + length :]
        image = Image.open(BytesIO(picture), formats=["JPEG"]).convert("L")
        found += [
            code.text
            for code in zxingcpp.read_barcodes(image, formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode))
            if code.text
        ]
    return json.dumps(found[: int(most)]).encode()


TASKS: Any = {"text": text, "render": render, "label": label, "codes": codes}

if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
