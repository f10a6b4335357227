from typing import Any

from django.contrib import admin
from django.template.loader import render_to_string
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from aiassist.answer import ReviewReason
from aiassist.models import Analysis, AnalysisAttempt
from alerts.models import Alert
from equipment.admin.machines import OnSite
from faultreporter.attachments.admin import thumbnail_tag
from faultreporter.backoffice import ReadOnlyAdmin, ReadOnlyInline, add_tabs, badge, linked, severity_badge

STATUS_COLOURS = {"PENDING": "info", "RUNNING": "primary", "SUCCEEDED": "success", "FAILED": "danger"}
REASONS: dict[str, Any] = {
    ReviewReason.LOW_CONFIDENCE: _("Low confidence"),
    ReviewReason.NOT_ASSESSABLE: _("The photo doesn't show enough"),
    ReviewReason.SAFETY: _("Somebody could get hurt"),
    ReviewReason.MILDER_THAN_ALERT: _("Milder than the alert says"),
    ReviewReason.INSTRUCTIONS_FOUND: _("The photo or the text carries instructions"),
    ReviewReason.POOR_IMAGE: _("The photo is poor"),
    ReviewReason.PHOTO_NOT_EXAMINED: _("Nobody looked at the photo"),
    ReviewReason.UNSUPPORTED: _("What it rests on could not be found"),
    ReviewReason.REFUSED: _("The provider refused to answer"),
}


class AttemptInline(ReadOnlyInline):
    model = AnalysisAttempt
    fields = (
        "number",
        "provider",
        "model_name",
        "outcome",
        "error_code",
        "error_message",
        "started_at",
        "finished_at",
        "input_tokens",
        "output_tokens",
    )
    readonly_fields = fields


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

    @admin.display(description=_("review"), ordering="needs_review")
    def review(self, analysis: Analysis) -> str:
        return badge(_("Needs review"), "warning") if analysis.needs_review else "–"


@admin.register(Analysis)
class AnalysisAdmin(AnalysisColumns, ReadOnlyAdmin):
    """What the assistant was asked and answered, beside the photographs it was about."""

    empty_note = _("No photo has been analysed. An alert reported with a photo asks for it.")
    list_display = (
        "created_at",
        "equipment",
        "shown_status",
        "shown_severity",
        "percent",
        "provider",
        "review",
        "requested_by",
    )
    list_filter = ("status", OnSite, "provider", "severity", "needs_review")
    list_select_related = ("equipment", "requested_by")
    search_fields = ("description", "equipment__equipment_code", "equipment__equipment_name")
    ordering = ("-created_at", "-id")
    inlines = (AttemptInline,)
    fieldsets = (
        (None, {"fields": ("photographs", "answer")}),
        (_("Verdict"), {"fields": ("shown_status", "shown_severity", "percent", "review", "reasons", "failure_code",
                                   "failure_message")}),
        (_("Question"), {"fields": ("equipment", "equipment_type", "alert", "description", "requested_by",
                                    "requested_provider")}),
        (_("Course"), {"fields": ("provider", "model_name", "prompt_version", "claims", "created_at", "started_at",
                                  "finished_at")}),
    )  # fmt: skip
    readonly_fields = ("photographs", "answer", "percent", "shown_status", "shown_severity", "review", "reasons")

    @admin.display(description=_("review reasons"))
    def reasons(self, analysis: Analysis) -> str:
        return ", ".join(str(REASONS.get(reason, reason)) for reason in analysis.review_reasons) or "–"

    @admin.display(description=_("photographs"))
    def photographs(self, analysis: Analysis) -> SafeString:
        rows = analysis.image_rows.select_related("attachment")
        return format_html_join(" ", "{}", ((thumbnail_tag(row.attachment, edge=320),) for row in rows))

    @admin.display(description=_("answer"))
    def answer(self, analysis: Analysis) -> SafeString:
        return render_to_string("admin/aiassist/analysis/answer.html", {"answer": analysis.result})


class AnalysisInline(AnalysisColumns, ReadOnlyInline):
    """What the assistant said about an alert's photographs."""

    model = Analysis
    analysis = linked(_("analysis"))
    fields = readonly_fields = ("analysis", "shown_status", "shown_severity", "percent", "review", "provider")
    ordering = ("-created_at",)
    verbose_name_plural = _("AI analyses")


add_tabs(Alert, AnalysisInline)
