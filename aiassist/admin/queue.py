"""The review queue: answers that wait for a person's word, the worst first; a verdict leads to the next one."""

from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from aiassist.admin.findings import Data, finding_of, reasons_in_words, severity
from aiassist.admin.making import AlertForm, OrderForm, made
from aiassist.models import Analysis, AnalysisReview
from aiassist.models.analyses import AnalysisQuerySet
from aiassist.reviews import review, review_of, standing_order_of
from equipment.models import FailureMode
from faultreporter.accounts.authentication import caller
from faultreporter.accounts.models import User
from faultreporter.attachments.admin import thumbnail_url
from faultreporter.backoffice import page_of
from faultreporter.errors import DomainError
from locations.models import Location

LISTED: Final = 25
MOST_COUNTED: Final = 99
MOST_IN_LINE: Final = 500
ALL_WITHIN: Final = timedelta(days=30)
"""Answers that nothing speaks against are offered for a verdict so long; they make the figures of accuracy better."""
SAID: Final[dict[str, Any]] = {
    "ACCEPTED": _("Accepted."), "EDITED": _("Accepted with your changes."), "REJECTED": _("Rejected."),
}  # fmt: skip


class QueueFilter(forms.Form):
    """Which part of the queue somebody works off. What names nothing narrows nothing."""

    scope = forms.ChoiceField(
        required=False, label=_("Answers"), widget=UnfoldAdminSelectWidget,
        choices=[("", _("Those a person should look at")), ("all", _("All of 30 days without a verdict"))],
    )  # fmt: skip
    site = forms.ModelChoiceField(
        required=False, label=_("Site"), queryset=Location.objects.none(), widget=UnfoldAdminSelectWidget,
        empty_label=_("Every site"),
    )  # fmt: skip

    def __init__(self, data: Any, *, user: User) -> None:
        super().__init__(data)
        self.user = user
        site: Any = self.fields["site"]
        site.queryset = Location.objects.for_user(user).living().filter(kind="SITE").order_by("name")
        self.is_valid()

    def query(self) -> str:
        """What a link that stays in this part of the queue ends with."""
        said = {name: self.data[name] for name in self.fields if self.cleaned_data.get(name)}
        return f"?{urlencode(said)}" if said else ""

    def rows(self, *, at: datetime) -> AnalysisQuerySet:
        mine = Analysis.objects.for_user(self.user)
        everything = self.cleaned_data.get("scope") == "all"
        rows = mine.unjudged().filter(created_at__gte=at - ALL_WITHIN) if everything else mine.doubtful()
        if site := self.cleaned_data.get("site"):
            rows = rows.filter(Q(equipment__location=site) | Q(equipment__location__site=site))
        return rows.worst_first()


class VerdictForm(forms.Form):
    failure_mode = forms.ModelChoiceField(
        label=_("Failure mode"), required=False, queryset=FailureMode.objects.none(), widget=UnfoldAdminSelectWidget,
        empty_label=_("As the answer says"),
    )  # fmt: skip
    severity = forms.ChoiceField(
        label=_("Severity"), required=False, widget=UnfoldAdminSelectWidget,
        choices=[("", _("As the answer says")), *Analysis.Severity.choices],
    )  # fmt: skip
    note = forms.CharField(
        label=_("Note"), required=False, max_length=2000, widget=UnfoldAdminTextareaWidget(attrs={"rows": 2})
    )

    def __init__(self, data: Any, *, analysis: Analysis) -> None:
        standing = getattr(analysis, "review", None)
        said = {name: getattr(standing, name) for name in ("failure_mode", "severity", "note")} if standing else {}
        super().__init__(data, initial=said)
        category = analysis.equipment.category_id if analysis.equipment else None
        mode: Any = self.fields["failure_mode"]
        mode.queryset = FailureMode.objects.living().applicable_to(category).order_by("name")


class QueuePages:
    """Mixed into the admin of analyses."""

    def get_urls(self) -> list[Any]:
        page: Any = self
        view = page.admin_site.admin_view
        return [
            path("review/", view(self.queue), name="aiassist_analysis_review"),
            path("review/<uuid:object_id>/", view(self.judge), name="aiassist_analysis_judge"),
            path("review/<uuid:object_id>/alert/", view(self.make_alert), name="aiassist_analysis_make_alert"),
            path("review/<uuid:object_id>/order/", view(self.make_order), name="aiassist_analysis_make_order"),
            *super().get_urls(),  # type: ignore[misc]
        ]

    def queue(self, request: HttpRequest) -> HttpResponse:
        page: Any = self
        if not page.has_view_permission(request):
            raise PermissionDenied
        filters = QueueFilter(request.GET, user=caller(request))
        rows = filters.rows(at=timezone.now())
        count = rows.count()
        shown = rows.select_related("equipment__location", "alert").prefetch_related("images")[:LISTED]
        context = {
            **page.admin_site.each_context(request),
            "title": _("AI to review"),
            "content_title": _("AI to review"),
            "filters": filters,
            "count": count,
            "more": max(0, count - LISTED),
            "lines": [line(analysis, filters) for analysis in shown],
        }
        return TemplateResponse(request, "admin/aiassist/queue.html", context)

    def make_alert(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        return made(self, request, reviewable(self, request, object_id), AlertForm)

    def make_order(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        return made(self, request, reviewable(self, request, object_id), OrderForm)

    def judge(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        page: Any = self
        analysis = reviewable(page, request, object_id)
        filters = QueueFilter(request.GET, user=caller(request))
        form = VerdictForm(request.POST if request.method == "POST" else None, analysis=analysis)
        others = others_in_line(filters, analysis)
        if form.is_valid() and said(page, request, analysis, form):
            return HttpResponseRedirect(next_url(filters, others))
        context = {
            **page.admin_site.each_context(request),
            "title": _("Review"),
            "content_title": _("Review"),
            "original": analysis,
            "finding": finding_of(analysis, caller(request)),
            "severity": severity(analysis.severity) if analysis.severity else "",
            "form": form,
            "media": page.media + form.media,
            "review": review_of(analysis),
            "has_order": standing_order_of(analysis) is not None,
            "may_judge": may_judge(request),
            "page_url": page_of(analysis),
            "queue_url": reverse("admin:aiassist_analysis_review") + filters.query(),
            "next_url": next_url(filters, others),
            "left": len(others),
            "query": filters.query(),
        }
        return TemplateResponse(request, "admin/aiassist/judge.html", context)


def line(analysis: Analysis, filters: QueueFilter) -> Data:
    pictures = list(analysis.images.all())
    return {
        "analysis": analysis,
        "url": judge_url(analysis.pk, filters),
        "thumbnail": thumbnail_url(pictures[0]) if pictures else "",
        "pictures": len(pictures),
        "severity": severity(analysis.severity),
        "condition": (analysis.result or {}).get("condition", ""),
        "reasons": reasons_in_words(analysis),
    }


def reviewable(page: Any, request: HttpRequest, object_id: UUID) -> Analysis:
    """The analysis, for who may judge it; 404 where there is no answer about a fault."""
    analysis: Analysis | None = page.record(request, str(object_id))
    if analysis is None or analysis.purpose != Analysis.Purpose.FAULT or analysis.result is None:
        raise Http404
    if request.method == "POST" and not may_judge(request):
        raise PermissionDenied
    return analysis


def may_judge(request: HttpRequest) -> bool:
    return bool(request.user.has_perm("aiassist.add_analysisreview"))


def said(page: Any, request: HttpRequest, analysis: Analysis, form: VerdictForm) -> bool:
    """Whether the verdict holds; a refusal stands beside the field it is about."""
    verdict = request.POST.get("verdict", "")
    if verdict not in AnalysisReview.Verdict.values:
        form.add_error(None, gettext("Say whether the answer is right."))
        return False
    try:
        review(analysis=analysis, by=caller(request), at=timezone.now(), verdict=verdict, **form.cleaned_data)
    except DomainError as error:
        fields = [detail.field for detail in error.details if detail.field in form.fields]
        form.add_error(fields[0] if fields else None, error.message)
        return False
    page.message_user(request, f"{analysis.equipment or analysis.equipment_type}: {SAID[verdict]}")
    return True


def others_in_line(filters: QueueFilter, analysis: Analysis) -> list[UUID]:
    """What else waits: first what comes after this one, then what was passed over before it."""
    waiting = list(filters.rows(at=timezone.now()).values_list("pk", flat=True)[:MOST_IN_LINE])
    here = waiting.index(analysis.pk) if analysis.pk in waiting else -1
    return waiting[here + 1 :] + waiting[: max(here, 0)]


def next_url(filters: QueueFilter, others: list[UUID]) -> str:
    """The page of what should be looked at next; the queue's when nothing is left."""
    return judge_url(others[0], filters) if others else reverse("admin:aiassist_analysis_review") + filters.query()


def judge_url(pk: UUID, filters: QueueFilter) -> str:
    return reverse("admin:aiassist_analysis_judge", args=[pk]) + filters.query()


def waiting(user: User) -> str:
    """How many answers a person should look at, for the menu: empty for none, and never more than two digits."""
    count = Analysis.objects.for_user(user).doubtful()[: MOST_COUNTED + 1].count()
    return f"{MOST_COUNTED}+" if count > MOST_COUNTED else str(count or "")
