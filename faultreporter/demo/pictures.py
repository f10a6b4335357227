"""Pictures drawn here: floor plans, wiring diagrams, photographs of faults. No file is shipped, nothing is fetched."""

import io
import random

from django.utils import timezone
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from faultreporter.accounts.models import User
from faultreporter.attachments.models import Attachment

PAPER, INK, PALE = (250, 249, 246), (38, 50, 56), (207, 216, 220)


def store(content: bytes, *, name: str, by: User) -> Attachment:
    return Attachment.objects.hand_in(content=content, name=name, by=by, at=timezone.now())


def encoded(image: Image.Image, kind: str) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def room_centre(index: int) -> tuple[float, float]:
    """Where room `index` (0 to 8) is on a plan, as fractions of its width and height: a grid of three by three."""
    return 0.05 + (index % 3 + 0.5) * 0.3, 0.12 + (index // 3 + 0.5) * 0.27


def floor_plan(title: str, rooms: list[str]) -> bytes:
    width, height = 1200, 800
    image = Image.new("RGB", (width, height), PAPER)
    pen = ImageDraw.Draw(image)
    pen.text((60, 30), title, fill=INK, font=font(34))
    for index, room in enumerate(rooms):
        x, y = room_centre(index)
        box = ((x - 0.145) * width, (y - 0.125) * height, (x + 0.145) * width, (y + 0.125) * height)
        pen.rectangle(box, outline=INK, width=4)
        pen.text((box[0] + 14, box[1] + 12), room, fill=INK, font=font(22))
        door = (box[0] + 40, box[3] - 3, box[0] + 90, box[3] + 3)
        pen.rectangle(door, fill=PAPER)
    return encoded(image, "PNG")


def wiring_diagram(machine: str, parts: list[str]) -> bytes:
    image = Image.new("RGB", (1200, 800), PAPER)
    pen = ImageDraw.Draw(image)
    pen.text((50, 30), f"{machine}: schematic", fill=INK, font=font(34))
    for index, part in enumerate(parts[:6]):
        x, y = 120 + (index % 3) * 360, 180 + (index // 3) * 300
        pen.rectangle((x, y, x + 240, y + 130), outline=INK, width=4)
        pen.text((x + 16, y + 50), part, fill=INK, font=font(24))
        if index % 3 < 2 and index + 1 < len(parts):
            pen.line((x + 240, y + 65, x + 360, y + 65), fill=INK, width=5)
    return encoded(image, "PNG")


def fault_photo(seed: int, caption: str) -> bytes:
    """A blurred machine with something dark running down it: enough to look like a photograph in a list."""
    rng = random.Random(seed)
    image = Image.new("RGB", (1024, 768), (rng.randint(90, 150),) * 3)
    pen = ImageDraw.Draw(image)
    for _ in range(14):
        x, y = rng.randint(0, 900), rng.randint(0, 650)
        shade = rng.randint(60, 190)
        pen.rounded_rectangle(
            (x, y, x + rng.randint(60, 320), y + rng.randint(40, 260)), 18, fill=(shade, shade + 8, shade + 14)
        )
    image = image.filter(ImageFilter.GaussianBlur(3))
    pen = ImageDraw.Draw(image)
    x = rng.randint(250, 700)
    for drop in range(120):
        left, right = sorted((x + rng.gauss(0, 18), x + rng.gauss(14, 18)))
        pen.ellipse((left, 220 + drop * 4, right, 232 + drop * 4), fill=(48, 36, 20))
    image = image.filter(ImageFilter.GaussianBlur(1.4))
    ImageDraw.Draw(image).text((28, 724), caption, fill=(235, 235, 235), font=font(24))
    return encoded(image, "JPEG")
