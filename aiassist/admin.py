from django.contrib import admin
from django.template.loader import render_to_string
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from aiassist.models import Analysis, AnalysisAttempt
from faultreporter.attachments.admin import thumbnail_tag
from faultreporter.backoffice import ReadOnlyAdmin, ReadOnlyInline


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


@admin.register(Analysis)
class AnalysisAdmin(ReadOnlyAdmin):
    """What the assistant was asked and answered, beside the photographs it was about."""

    list_display = (
        "created_at",
        "equipment",
        "status",
        "provider",
        "severity",
        "percent",
        "needs_review",
        "requested_by",
    )
    list_filter = ("status", "provider", "severity", "needs_review")
    list_select_related = ("equipment", "requested_by")
    search_fields = ("description", "equipment__equipment_code", "equipment__equipment_name")
    ordering = ("-created_at", "-id")
    inlines = (AttemptInline,)
    fieldsets = (
        (None, {"fields": ("photographs", "answer")}),
        (_("Verdict"), {"fields": ("status", "severity", "percent", "needs_review", "review_reasons", "failure_code",
                                   "failure_message")}),
        (_("Question"), {"fields": ("equipment", "equipment_type", "alert", "description", "requested_by",
                                    "requested_provider")}),
        (_("Course"), {"fields": ("provider", "model_name", "prompt_version", "claims", "created_at", "started_at",
                                  "finished_at")}),
    )  # fmt: skip
    readonly_fields = ("photographs", "answer", "percent")

    @admin.display(description=_("confidence"), ordering="confidence")
    def percent(self, analysis: Analysis) -> str:
        return "" if analysis.confidence is None else f"{analysis.confidence:.0%}"

    @admin.display(description=_("photographs"))
    def photographs(self, analysis: Analysis) -> SafeString:
        rows = analysis.image_rows.select_related("attachment")
        return format_html_join(" ", "{}", ((thumbnail_tag(row.attachment, edge=320),) for row in rows))

    @admin.display(description=_("answer"))
    def answer(self, analysis: Analysis) -> SafeString:
        return render_to_string("admin/aiassist/analysis/answer.html", {"answer": analysis.result})
