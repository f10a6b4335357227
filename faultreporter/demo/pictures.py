"""Pictures drawn here: floor plans, wiring diagrams, photographs of faults. No file is shipped, nothing is fetched."""

import io
import random
from datetime import datetime

from PIL import Image, ImageDraw, ImageFilter, ImageFont

from faultreporter.accounts.models import User
from faultreporter.attachments.models import Attachment

PIPES = ((176, 182, 186), (64, 110, 150), (150, 70, 60), (120, 140, 110))
PAPER, INK, PALE = (250, 249, 246), (38, 50, 56), (207, 216, 220)


def store(content: bytes, *, name: str, by: User, at: datetime) -> Attachment:
    return Attachment.objects.hand_in(content=content, name=name, by=by, at=at)


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


def signature(name: str) -> bytes:
    """A name as a finger draws it: a line that swings, the same for the same name."""
    rng = random.Random(name)
    image = Image.new("RGB", (600, 200), "white")
    points, y = [], 110.0
    for step in range(24):
        y = min(170, max(40, y + rng.uniform(-70, 70)))
        points.append((40 + step * 21, y))
    ImageDraw.Draw(image).line(points, fill="#1e3a8a", width=5, joint="curve")
    return encoded(image, "PNG")


def fault_photo(seed: int, caption: str) -> bytes:
    """Pipes on a wall, a flange, and something dark running down from it: enough to look like a photograph."""
    rng = random.Random(seed)
    image = Image.new("RGB", (1024, 768))
    pen = ImageDraw.Draw(image)
    wall = rng.randint(165, 200)
    for y in range(768):  # light falls in from above
        pen.line((0, y, 1024, y), fill=tint(wall - y // 12, rng.randint(0, 2)))
    for _ in range(rng.randint(2, 3)):
        pipe(pen, rng.randint(120, 560), rng.randint(28, 60), rng.choice(PIPES))
    x, y = rng.randint(300, 720), rng.randint(220, 420)
    pen.rounded_rectangle((x - 46, y - 96, x + 46, y + 96), 10, fill=(96, 104, 110), outline=(58, 64, 68), width=5)
    for bolt in range(y - 84, y + 84, 48):
        pen.ellipse((x - 12, bolt, x + 12, bolt + 24), fill=(60, 66, 70), outline=(128, 134, 138))
    stain(pen, x, y + 90, rng)
    image = image.filter(ImageFilter.GaussianBlur(1.6))
    ImageDraw.Draw(image).text((28, 724), caption, fill=(235, 235, 235), font=font(24))
    return encoded(image, "JPEG")


def tint(shade: int, noise: int) -> tuple[int, int, int]:
    return shade + noise, shade + noise + 2, shade + noise + 6


def pipe(pen: ImageDraw.ImageDraw, y: int, radius: int, colour: tuple[int, int, int]) -> None:
    """A horizontal pipe, bright along its upper third."""
    for offset in range(-radius, radius):
        light = 1.25 - abs(offset + radius / 3) / radius
        shade = tuple(max(0, min(255, int(part * light))) for part in colour)
        pen.line((0, y + offset, 1024, y + offset), fill=(shade[0], shade[1], shade[2]))


def stain(pen: ImageDraw.ImageDraw, x: int, y: int, rng: random.Random) -> None:
    left = x
    for drop in range(rng.randint(30, 70)):
        left += round(rng.gauss(0, 2))
        width = rng.randint(8, 26)
        pen.ellipse((left - width, y + drop * 5, left + width, y + drop * 5 + 14), fill=(52, 40, 26))
