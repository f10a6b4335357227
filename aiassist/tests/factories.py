from datetime import datetime
from typing import Any

from django.utils import timezone

from aiassist.models import Analysis
from faultreporter.attachments.models import Attachment


def make_analysis(*, at: datetime | None = None, by: Any = None, provider: str = "RULEBOOK",
                  images: tuple[Attachment, ...] = (), **question: Any) -> Analysis:  # fmt: skip
    """A question that waits for a worker."""
    question.setdefault("description", "It hums and grinds")
    return Analysis.objects.ask(by=by, at=at or timezone.now(), provider=provider, images=images, **question)
