"""The back office of insights: what was found, the readings around it, and the switch between shadow and shown."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.formats import localize
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from faultreporter.accounts.authentication import caller
from faultreporter.backoffice import ModelAdmin, PeriodFilter, ReadOnlyAdmin, ReadOnlyInline, badge, fillable, link_to
from locations.backoffice import ActionForm, SiteFilter, button, confirmed
from telemetry.charts import curves
from telemetry.models import Detector, Insight, InsightFeedback
from telemetry.models.insights import figure
from telemetry.units import with_unit

AROUND = timedelta(hours=6)
COLOURS = {"SHOWN": "success", "SHADOW": "", "OVER_BUDGET": "warning"}


class VerdictForm(ActionForm):
    verdict = forms.ChoiceField(
        label=_("It was"), choices=InsightFeedback.Verdict.choices, widget=UnfoldAdminSelectWidget
    )
    note = forms.CharField(label=_("Note"), max_length=500, required=False, widget=UnfoldAdminTextInputWidget)


class SiteOfInsight(SiteFilter):
    path = "equipment__location"


@admin.register(Detector)
class DetectorAdmin(ModelAdmin):
    empty_note = _("Every gauge gets a detector in shadow by itself within half a minute. Add metrics first.")
    list_display = ("watched", "kind", "is_enabled", "shown_visibility", "found", "said")
    list_filter = ("visibility", "kind", "is_enabled", "metric")
    list_select_related = ("metric", "category")
    search_fields = ("metric__code", "metric__name", "category__name")
    ordering = ("metric__code", "kind", "id")
    autocomplete_fields = ("metric", "category")
    fields = ("metric", "category", "kind", "is_enabled", "visibility", "found", "said")
    readonly_fields = ("found", "said")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: Any = super().get_queryset(request)
        return rows.with_figures()  # type: ignore[no-any-return]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return (*Detector.FIXED, *self.readonly_fields) if obj else self.readonly_fields

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return fillable(self, obj)

    def change_record(self, request: HttpRequest, record: Detector, changed: list[str]) -> None:
        stored = Detector.objects.get(pk=record.pk)
        stored.change(by=caller(request), **{name: getattr(record, name) for name in changed})

    @admin.display(description=_("watches"), ordering="metric__code")
    def watched(self, detector: Detector) -> str:
        return f"{detector.metric.name} · {detector.category}" if detector.category else detector.metric.name

    @admin.display(description=_("visibility"), ordering="visibility")
    def shown_visibility(self, detector: Detector) -> str:
        return badge(detector.get_visibility_display(), COLOURS[detector.visibility])

    @admin.display(description=_("insights"), ordering="insight_count")
    def found(self, detector: Any) -> int:
        return getattr(detector, "insight_count", 0)

    @admin.display(description=_("what people said"))
    def said(self, detector: Detector) -> str:
        return str(detector.verdicts) if hasattr(detector, "insight_count") else "–"


class FeedbackInline(ReadOnlyInline):
    model = InsightFeedback
    fields = readonly_fields = ("user", "verdict", "note", "updated_at")
    verbose_name_plural = _("what people said")
    empty_note = _("Nobody has said anything yet. The button above takes your verdict.")

    def get_queryset(self, request: HttpRequest) -> QuerySet[InsightFeedback]:
        rows: QuerySet[InsightFeedback] = super().get_queryset(request)
        return rows.select_related("user")


class MemberInline(ReadOnlyInline):
    model = Insight
    fk_name = "leader"
    fields = readonly_fields = ("member", "started_at", "ended_at")
    verbose_name_plural = _("others of the group")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Insight]:
        rows: QuerySet[Insight] = super().get_queryset(request)
        return rows.select_related("series__metric", "detector")

    @admin.display(description=_("insight"))
    def member(self, insight: Insight) -> SafeString | str:
        return link_to(insight)


@admin.register(Insight)
class InsightAdmin(ReadOnlyAdmin):
    empty_note = _(
        "Nothing unusual was found yet. Detectors learn from the first hundred readings of a series before they say"
        " anything."
    )
    list_display = ("summary", "machine", "shown_state", "started_at", "ended_at", "said")
    list_filter = (
        "state", "detector__kind", "series__metric", SiteOfInsight, ("started_at", PeriodFilter), "feedback__verdict",
    )  # fmt: skip
    search_fields = ("equipment__equipment_code", "equipment__equipment_name", "series__metric__name")
    ordering = ("-started_at", "-id")
    actions = ("say_useful", "say_false_alarm", "say_known", "judge")
    actions_detail = ("judge_button",)
    fields = (
        "summary", "machine", "shown_state", ("started_at", "ended_at"), "chart", "score", "found_by", "group",
    )  # fmt: skip
    inlines = (FeedbackInline, MemberInline)

    @property
    def media(self) -> Any:
        return super().media + curves.MEDIA

    def get_queryset(self, request: HttpRequest) -> QuerySet[Insight]:
        rows: QuerySet[Insight] = super().get_queryset(request)
        joined = ("equipment", "series__metric", "series__equipment__location__site", "detector")
        return rows.select_related(*joined).prefetch_related("feedback")

    def has_judge_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("telemetry.add_insightfeedback"))

    @admin.display(description=_("insight"))
    def summary(self, insight: Insight) -> str:
        return insight.summary

    @admin.display(description=_("machine"), ordering="equipment__equipment_code")
    def machine(self, insight: Insight) -> SafeString | str:
        return link_to(insight.equipment)

    @admin.display(description=_("state"), ordering="state")
    def shown_state(self, insight: Insight) -> str:
        return badge(insight.get_state_display(), COLOURS[insight.state])

    @admin.display(description=_("verdicts"))
    def said(self, insight: Insight) -> str:
        return ", ".join(sorted(said.get_verdict_display() for said in insight.feedback.all())) or "–"

    @admin.display(description=_("found by"))
    def found_by(self, insight: Insight) -> SafeString | str:
        return link_to(insight.detector, insight.detector.get_kind_display())

    @admin.display(description=_("highest score"))
    def score(self, insight: Insight) -> str:
        return str(localize(round(insight.peak_score, 1)))

    @admin.display(description=_("leader of the group"))
    def group(self, insight: Insight) -> SafeString | str:
        return link_to(insight.leader) if insight.leader_id else "–"

    @admin.display(description=_("readings around it"))
    def chart(self, insight: Insight) -> str:
        edges = (("≥", insight.expected_low), ("≤", insight.expected_high))
        unit = insight.series.metric.unit
        limits = [
            {"kind": "CLEAR", "value": value, "label": f"{gettext('usual')} {sign} {with_unit(figure(value), unit)}"}
            for sign, value in edges
        ]
        began, until = insight.started_at, insight.last_unusual_at
        return curves.curve(
            insight.series, since=began - AROUND, until=until + AROUND, span=(began, until), limits=limits,
            spoken={"firing": gettext("Unusual")},
        )  # fmt: skip

    @confirmed(VerdictForm, _("Say what it was"), permission="judge")
    def judge(self, request: HttpRequest, insight: Insight, data: dict[str, Any]) -> None:
        insight.give_feedback(by=caller(request), **data)

    judge_button = button(judge)

    @admin.action(description=_("Useful"), permissions=["judge"])
    def say_useful(self, request: HttpRequest, queryset: QuerySet[Insight]) -> None:
        self.say(request, queryset, InsightFeedback.Verdict.USEFUL)

    @admin.action(description=_("False alarm"), permissions=["judge"])
    def say_false_alarm(self, request: HttpRequest, queryset: QuerySet[Insight]) -> None:
        self.say(request, queryset, InsightFeedback.Verdict.FALSE_ALARM)

    @admin.action(description=_("Known already"), permissions=["judge"])
    def say_known(self, request: HttpRequest, queryset: QuerySet[Insight]) -> None:
        self.say(request, queryset, InsightFeedback.Verdict.KNOWN)

    def say(self, request: HttpRequest, queryset: QuerySet[Insight], verdict: str) -> None:
        insights = list(queryset)
        for insight in insights:
            insight.give_feedback(by=caller(request), verdict=verdict)
        count = len(insights)
        self.message_user(request, ngettext("%d verdict is noted.", "%d verdicts are noted.", count) % count)
