from typing import Any

from django.utils import timezone

from faultreporter.attachments.models import Attachment
from faultreporter.attachments.tests.pictures import photograph


def make_attachment(
    *, by: Any = None, name: str = "leak.jpg", content: bytes | None = None, at: Any = None
) -> Attachment:
    """A stored photograph, or whatever `content` is."""
    content = photograph() if content is None else content
    return Attachment.objects.hand_in(content=content, name=name, by=by, at=at or timezone.now())
