"""Pictures for tests, friendly and hostile, all made here."""

import struct
import zlib
from io import BytesIO
from typing import Any

from PIL import Image

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 128, 0), (0, 0, 255), (255, 255, 255)


def encoded(image: Image.Image, picture: str, **options: Any) -> bytes:
    target = BytesIO()
    image.save(target, picture, **options)
    return target.getvalue()


def photograph(picture: str = "JPEG", *, size: tuple[int, int] = (64, 48), colour: Any = RED, **options: Any) -> bytes:
    return encoded(Image.new("RGB", size, colour), picture, **options)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bomb_png(width: int, height: int) -> bytes:
    """A valid, highly compressed RGBA picture that unfolds to four bytes a pixel."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0))
    packer = zlib.compressobj(9)
    row = bytes(1 + 4 * width)
    data = b"".join([*(packer.compress(row) for _ in range(height)), packer.flush()])
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def two_halves(left: Any, right: Any, *, size: tuple[int, int] = (64, 32)) -> Image.Image:
    image = Image.new("RGB", size, left)
    image.paste(right, (size[0] // 2, 0, size[0], size[1]))
    return image


def animated(picture: str) -> bytes:
    first, second = (Image.new("RGB", (32, 32), colour) for colour in (RED, BLUE))
    return encoded(first, picture, save_all=True, append_images=[second], duration=100)


def exif(**tags: Any) -> Image.Exif:
    """EXIF with an orientation and a GPS position near Greenwich."""
    data = Image.Exif()
    data[0x0112] = tags.get("orientation", 1)
    data[0x010F] = "SECRETCAMERA"
    data.get_ifd(0x8825).update({1: "N", 2: (51.0, 28.0, 38.0), 3: "W", 4: (0.0, 0.0, 5.0)})
    return data


PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'
