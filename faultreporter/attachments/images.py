"""What arrives as a photograph or a PDF, made safe. Pure: bytes in, bytes out.

A photograph is never kept as it came. It is recognised by its first bytes (a name and a declared type can lie),
decoded, turned upright, shrunk, and written anew as a JPEG, so that places, serial numbers of cameras, comments, colour
profiles and whatever was hidden behind the picture are gone. A PDF is only checked: it is served as a download.
"""

import hashlib
import re
import threading
import warnings
from dataclasses import dataclass
from io import BytesIO
from typing import Final

import pillow_heif
import structlog
from django.utils.translation import gettext
from PIL import Image

from faultreporter.attachments.errors import ImageRejected

MAX_PIXELS: Final = 25_000_000
MAX_WEBP_PIXELS: Final = 12_250_000
"""libwebp holds a picture four times over while it decodes: 25 million pixels took 420 MB, these take 230 MB."""

MAX_EDGE: Final = 2048
JPEG_QUALITY: Final = 85
STRIP_ROWS: Final = 32
MAX_JPEG_SCANS: Final = 200
"""A camera writes at most a dozen; each of thousands of empty scans walks over the whole picture."""

ORIENTATION_TAG: Final = 0x0112
ONE_AT_A_TIME: Final = threading.Lock()
"""A large photograph takes some 200 MB for half a second; four threads together would take it four times."""

UPRIGHT: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
HEIF_BRANDS: Final = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
PDF_HEADER: Final = re.compile(rb"%PDF-[12]\.\d[\r\n\s]")

log = structlog.get_logger(__name__)

# For whoever else opens a picture in this process: Pillow's own default allows 179 million pixels.
Image.MAX_IMAGE_PIXELS = MAX_PIXELS
warnings.simplefilter("error", Image.DecompressionBombWarning)
pillow_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False, decode_threads=1)


@dataclass(frozen=True, slots=True)
class SafeFile:
    """What is stored of an upload. `width` and `height` are None for a PDF."""

    content: bytes
    content_type: str
    suffix: str
    width: int | None = None
    height: int | None = None

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()


def make_safe(content: bytes) -> SafeFile:
    """A photograph written anew, or a PDF as it is; anything else, or a broken one, is IMAGE_REJECTED."""
    if content.startswith(b"%PDF-"):
        return checked_pdf(content)
    return rewritten_photograph(content, picture_format(content))


def picture_format(content: bytes) -> str:
    """Pillow's name of the format, by the first bytes only."""
    if content.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "WEBP"
    if content[4:8] == b"ftyp" and content[8:12] in HEIF_BRANDS:
        return "HEIF"
    raise ImageRejected(gettext("This is not a JPEG, PNG, WebP or HEIC photograph, nor a PDF."), field="file")


def checked_pdf(content: bytes) -> SafeFile:
    if not PDF_HEADER.match(content[:16]) or b"%%EOF" not in content[-1024:]:
        raise ImageRejected(gettext("The PDF is damaged or incomplete."), field="file")
    return SafeFile(content=content, content_type="application/pdf", suffix=".pdf")


def rewritten_photograph(content: bytes, picture: str) -> SafeFile:
    if picture == "JPEG" and content.count(b"\xff\xda") > MAX_JPEG_SCANS:
        raise ImageRejected(gettext("The photograph is built in a way that no camera writes."), field="file")
    try:
        with ONE_AT_A_TIME:
            image = upright_rgb(content, picture)
    except ImageRejected:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise too_many_pixels(MAX_PIXELS) from error
    except Exception as error:  # decoders raise some fifteen kinds over strange bytes, and all of them mean "no"
        log.info("photograph_rejected", picture=picture, reason=f"{type(error).__name__}: {error}"[:200])
        raise ImageRejected(gettext("The photograph is damaged or incomplete."), field="file") from error
    target = BytesIO()
    image.save(target, "JPEG", quality=JPEG_QUALITY)
    return SafeFile(
        content=target.getvalue(), content_type="image/jpeg", suffix=".jpg", width=image.width, height=image.height
    )


def upright_rgb(content: bytes, picture: str) -> Image.Image:
    """The first frame, at most MAX_EDGE a side, turned as the camera was held, without transparency or metadata."""
    image, orientation = roughly_shrunk(content, picture)
    image.thumbnail((MAX_EDGE, MAX_EDGE), Image.Resampling.LANCZOS)
    return image.transpose(UPRIGHT[orientation]) if orientation in UPRIGHT else image


def roughly_shrunk(content: bytes, picture: str) -> tuple[Image.Image, int]:
    """A plain copy less than twice MAX_EDGE a side, and its orientation. The full picture is let go on return."""
    with Image.open(BytesIO(content), formats=[picture]) as image:
        limit = MAX_WEBP_PIXELS if picture == "WEBP" else MAX_PIXELS
        if image.width * image.height > limit:
            raise too_many_pixels(limit)
        orientation = orientation_of(image)
        scale = MAX_EDGE / max(image.size)
        image.draft("RGB", (round(image.width * scale), round(image.height * scale)))
        image.load()
        return shrunk_rgb(image), orientation


def thumbnail(content: bytes, edge: int) -> bytes:
    """A small JPEG of a photograph that we wrote ourselves."""
    with Image.open(BytesIO(content), formats=["JPEG"]) as image:
        image.draft("RGB", (edge, edge))
        image.thumbnail((edge, edge))
        target = BytesIO()
        image.save(target, "JPEG", quality=75)
    return target.getvalue()


def orientation_of(image: Image.Image) -> int:
    """The EXIF orientation, 1 to 8; 1 when the metadata can't be read, for the picture is worth more than it."""
    try:
        return int(image.getexif().get(ORIENTATION_TAG, 1))
    except Exception:  # noqa: BLE001 - as above: hostile metadata fails in many ways
        return 1


def shrunk_rgb(image: Image.Image) -> Image.Image:
    """An RGB copy without metadata, shrunk by a whole factor towards MAX_EDGE.

    It is made strip by strip: a second full copy of 25 million pixels would take another 100 MB.
    """
    factor = max(1, max(image.size) // MAX_EDGE)
    copy = Image.new("RGB", (-(-image.width // factor), -(-image.height // factor)))
    for top in range(0, image.height, STRIP_ROWS * factor):
        strip = image.crop((0, top, image.width, min(top + STRIP_ROWS * factor, image.height)))
        copy.paste(opaque_rgb(strip).reduce(factor), (0, top // factor))
    return copy


def opaque_rgb(image: Image.Image) -> Image.Image:
    """In RGB; transparent parts become white, 16-bit greys keep their brightness."""
    if image.mode.startswith("I"):
        image = image.convert("I").point(lambda grey: grey / 256).convert("L")
    if "transparency" not in image.info and image.mode not in {"P", "PA", "RGBA", "LA", "La", "RGBa"}:
        return image.convert("RGB")
    layered = image.convert("RGBA")
    white = Image.new("RGB", layered.size, "white")
    white.paste(layered, mask=layered.getchannel("A"))
    return white


def too_many_pixels(limit: int) -> ImageRejected:
    message = gettext("The photograph has more than %(megapixels)g million pixels; send a smaller one.")
    return ImageRejected(message % {"megapixels": limit / 1_000_000}, field="file")
