from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from aiassist.models import Analysis, AnalysisAttempt, Manual
from aiassist.tests import answers, papers
from equipment.tests.factories import CategoryFactory
from faultreporter.attachments.models import Attachment
from faultreporter.attachments.tests.factories import make_attachment


def make_analysis(*, at: datetime | None = None, by: Any = None, provider: str = "RULEBOOK",
                  images: tuple[Attachment, ...] = (), **question: Any) -> Analysis:  # fmt: skip
    """A question that waits for a worker."""
    question.setdefault("description", "It hums and grinds")
    return Analysis.objects.ask(by=by, at=at or timezone.now(), provider=provider, images=images, **question)


def make_answered(
    *, at: datetime | None = None, provider: str = "OPENAI", model_name: str = "gpt-x", prompt_version: str = "1",
    answer: dict[str, Any] | None = None, cost: int | None = 1000, seconds: float = 2.0, severity: str = "HIGH",
    confidence: float = 0.72, needs_review: bool = False, dropped_citations: int = 0, **question: Any,
) -> Analysis:  # fmt: skip
    """A finished analysis with one call in its ledger; `answer` as `tests.answers` has it."""
    began = at or timezone.now()
    analysis = make_analysis(at=began, provider=provider, **question)
    by_whom = {"provider": provider, "model_name": model_name, "prompt_version": prompt_version}
    ended = began + timedelta(seconds=seconds)
    AnalysisAttempt.objects.create(
        analysis=analysis, number=1, outcome=AnalysisAttempt.Outcome.ANSWERED, started_at=began, finished_at=ended,
        cost_micro_usd=cost, **by_whom,
    )  # fmt: skip
    Analysis.objects.filter(pk=analysis.pk).update(
        status=Analysis.Status.SUCCEEDED, stage=Analysis.Stage.DONE, started_at=began, finished_at=ended,
        result=answer or answers.answer(), severity=severity, confidence=confidence, needs_review=needs_review,
        dropped_citations=dropped_citations, **by_whom,
    )  # fmt: skip
    analysis.refresh_from_db()
    return analysis


def make_manual(*pages: str, by: Any = None, category: Any = None, title: str = "Handbook", **fields: Any) -> Manual:
    """A manual whose pages were read already."""
    category = category or CategoryFactory.create()
    paper = make_attachment(by=by, name="handbook.pdf", content=papers.pdf("A page"))
    manual = Manual.add(by=by, category=category, title=title, attachment=paper, **fields)
    manual.keep(pages or ("Grease the bearing yearly.",))
    manual.refresh_from_db()
    return manual
