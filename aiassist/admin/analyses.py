from typing import Any, Final
from uuid import UUID

from django.contrib import admin, messages
from django.db.models import QuerySet, Sum
from django.forms.widgets import Script
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from aiassist.admin.comparison import ComparisonPages
from aiassist.admin.costs import CostPages
from aiassist.admin.findings import finding_of
from aiassist.admin.handover import HandoverPages
from aiassist.admin.money import grouped, usd
from aiassist.admin.queue import QueuePages
from aiassist.models import Analysis, AnalysisAttempt
from aiassist.providers import registry
from alerts.models import Alert
from equipment.admin.machines import OnSite
from faultreporter.accounts.authentication import caller
from faultreporter.backoffice import ReadOnlyAdmin, ReadOnlyInline, add_tabs, badge, linked, page_of, severity_badge
from faultreporter.errors import DomainError

STATUS_COLOURS: Final = {
    "PENDING": "info", "RUNNING": "primary", "SUCCEEDED": "success", "FAILED": "danger", "CANCELLED": "",
}  # fmt: skip
OUTCOME_COLOURS: Final = {
    "RUNNING": "primary", "ANSWERED": "success", "REUSED": "success", "SKIPPED": "", "CANCELLED": "",
}  # fmt: skip
STAGES: Final = ("QUEUED", "GATHERING", "ASKING", "CHECKING", "REPAIRING", "DONE")


def stages_of(analysis: Analysis) -> list[dict[str, Any]]:
    """The way from question to answer, and where it is; a correction only where one is asked for."""
    shown = [stage for stage in STAGES if stage != "REPAIRING" or analysis.stage == stage]
    here = shown.index(analysis.stage)
    return [
        {
            "label": Analysis.Stage(stage).label,
            "state": "past" if place < here else "now" if place == here else "ahead",
        }
        for place, stage in enumerate(shown)
    ]


class AttemptInline(ReadOnlyInline):
    """The ledger: every call, or why there was none, and what it cost."""

    model = AnalysisAttempt
    fields = (
        "number", "asked", "model_name", "kind", "shown_outcome", "why", "started_at", "took", "tokens", "cost",
    )  # fmt: skip
    readonly_fields = fields

    @admin.display(description=_("provider"))
    def asked(self, attempt: AnalysisAttempt) -> str:
        return registry.label(attempt.provider)

    @admin.display(description=_("outcome"))
    def shown_outcome(self, attempt: AnalysisAttempt) -> str:
        return badge(attempt.get_outcome_display(), OUTCOME_COLOURS.get(attempt.outcome, "warning"))

    @admin.display(description=_("why"))
    def why(self, attempt: AnalysisAttempt) -> str:
        return attempt.error_message or attempt.error_code or "–"

    @admin.display(description=_("took"))
    def took(self, attempt: AnalysisAttempt) -> str:
        if attempt.finished_at is None:
            return "–"
        return f"{(attempt.finished_at - attempt.started_at).total_seconds():.1f}\u00a0s"

    @admin.display(description=_("tokens in (cached) / out"))
    def tokens(self, attempt: AnalysisAttempt) -> str:
        if attempt.input_tokens is None:
            return "–"
        cached = f" ({grouped(attempt.cached_tokens)})" if attempt.cached_tokens else ""
        return f"{grouped(attempt.input_tokens)}{cached} / {grouped(attempt.output_tokens)}"

    @admin.display(description=_("cost"))
    def cost(self, attempt: AnalysisAttempt) -> str:
        return usd(attempt.cost_micro_usd)


class AnalysisColumns:
    """The verdict, on the analysis's own pages and on its alert's."""

    @admin.display(description=_("status"), ordering="status")
    def shown_status(self, analysis: Analysis) -> str:
        return badge(analysis.get_status_display(), STATUS_COLOURS[analysis.status])

    @admin.display(description=_("severity"), ordering="severity")
    def shown_severity(self, analysis: Analysis) -> str:
        return severity_badge(analysis) if analysis.severity else "–"

    @admin.display(description=_("confidence"), ordering="confidence")
    def percent(self, analysis: Analysis) -> str:
        return "–" if analysis.confidence is None else f"{analysis.confidence:.0%}"

    @admin.display(description=_("answered by"), ordering="provider")
    def answered_by(self, analysis: Analysis) -> str:
        return analysis.provider_label or "–"

    @admin.display(description=_("review"), ordering="needs_review")
    def review(self, analysis: Analysis) -> str:
        return badge(_("Needs review"), "warning") if analysis.needs_review else "–"


class AnsweredBy(admin.SimpleListFilter):
    """By the declared ones: looking through all analyses for who is in there would take long."""

    title = _("answered by")
    parameter_name = "provider"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [choice for choice in registry.choices() if choice[0] != registry.AUTO]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Analysis]) -> QuerySet[Analysis]:
        return queryset.filter(provider=self.value()) if self.value() else queryset


@admin.register(Analysis)
class AnalysisAdmin(HandoverPages, QueuePages, CostPages, ComparisonPages, AnalysisColumns, ReadOnlyAdmin):
    """What the assistant was asked and answered, beside the photographs it was about."""

    change_form_template = "admin/aiassist/analysis/change_form.html"
    empty_note = _("No photo has been analysed. An alert reported with a photo asks for it.")
    list_display = (
        "created_at",
        "equipment",
        "shown_status",
        "shown_severity",
        "percent",
        "answered_by",
        "review",
        "requested_by",
    )
    list_filter = ("status", OnSite, AnsweredBy, "severity", "needs_review", "purpose")
    list_select_related = ("equipment", "requested_by")
    search_fields = ("description", "equipment__equipment_code", "equipment__equipment_name")
    ordering = ("-created_at", "-id")
    inlines = (AttemptInline,)
    fieldsets = (
        (_("Verdict"), {"fields": (("shown_status", "shown_severity", "percent"),)}),
        (_("Question"), {"fields": (("equipment", "equipment_type"), "alert", "description",
                                    ("requested_by", "asked_for"), "allow_fallback")}),
        (_("Course"), {"fields": (("answered_by", "model_name", "prompt_version"), ("claims", "cost"),
                                  ("created_at", "started_at", "finished_at"))}),
    )  # fmt: skip
    readonly_fields = ("percent", "shown_status", "shown_severity", "answered_by", "asked_for", "cost")

    class Media:
        css: Final = {"all": ("aiassist/assistant.css",)}
        js: Final = (Script("aiassist/running.js", defer=True),)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Analysis]:
        rows: QuerySet[Analysis] = super().get_queryset(request)
        return rows.select_related("equipment", "alert", "requested_by", "cancelled_by", "review")

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.cancel)
        return [path("<uuid:object_id>/cancel/", view, name="aiassist_analysis_cancel"), *super().get_urls()]

    def cancel(self, request: HttpRequest, object_id: UUID) -> HttpResponse:
        """Take the question back; pressed too late, it says so."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        analysis = self.record(request, str(object_id))
        if analysis is None:
            raise Http404
        try:
            analysis.cancel(by=caller(request), at=timezone.now())
        except DomainError as error:
            self.message_user(request, error.message, messages.ERROR)
        return HttpResponseRedirect(page_of(analysis))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        analysis = self.record(request, object_id)
        shown = {"finding": finding_of(analysis, caller(request)), "stages": stages_of(analysis)} if analysis else {}
        answer: HttpResponse = super().change_view(request, object_id, form_url, {**shown, **(extra_context or {})})
        return answer

    @admin.display(description=_("requested provider"))
    def asked_for(self, analysis: Analysis) -> str:
        return registry.label(analysis.requested_provider)

    @admin.display(description=_("cost"))
    def cost(self, analysis: Analysis) -> str:
        return usd(analysis.attempts.aggregate(all=Sum("cost_micro_usd"))["all"])


class AnalysisInline(AnalysisColumns, ReadOnlyInline):
    """What the assistant said about an alert's photographs."""

    model = Analysis
    analysis = linked(_("analysis"))
    fields = readonly_fields = ("analysis", "shown_status", "shown_severity", "percent", "review", "answered_by")
    ordering = ("-created_at",)
    verbose_name_plural = _("AI analyses")


add_tabs(Alert, AnalysisInline)
