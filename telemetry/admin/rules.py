"""Alarm rules, where they stand, and the times in which they are silent, in the back office."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from faultreporter.accounts.authentication import caller
from faultreporter.backoffice import (
    ModelAdmin,
    PeriodFilter,
    ReadOnlyAdmin,
    ReadOnlyInline,
    RecordForm,
    add_button,
    badge,
    link_to,
    severity_badge,
)
from faultreporter.db import as_declared
from faultreporter.errors import ValidationFailed
from locations.admin.calendars import DAY_NAMES, OpeningsField, as_text
from locations.backoffice import SiteFilter
from locations.business_time import WEEKDAYS
from telemetry.admin.try_page import label_limits, try_on_the_past
from telemetry.models import MaintenanceWindow, Rule, RuleState, RuleVersion, Series
from telemetry.models.rule_kinds import FIELDS, UNSET, complete, taken_by
from telemetry.rules.judging import ALARM
from telemetry.rules.reasons import limit_words

STATE_COLOURS = {"NORMAL": "success", "PENDING": "warning", "FIRING": "danger", "RECOVERING": "warning", "NO_DATA": ""}
OWN_COLUMNS = ("created_by", "effective_from", "version", "deleted_at", "deleted_by")


class OnSiteOfSeries(SiteFilter):
    path = "series__equipment__location"


def shown_for(name: str) -> str:
    """The condition under which the form shows the field: those kinds that take it."""
    return " || ".join(f"kind == '{kind}'" for kind in FIELDS if name in taken_by(kind))


class RuleForm(RecordForm):
    """A rule, with the week as seven lines. What its kind doesn't take isn't looked at."""

    blamed: ClassVar = {
        "check_iot_rules_scope": "equipment",
        "check_iot_rules_kind": "kind",
        "check_iot_rules_hysteresis": "clear_value",
    }

    class Meta:
        model = Rule
        fields = (
            "title", "equipment", "category", "metric", "kind", *UNSET, "severity", "is_enabled",
        )  # fmt: skip
        help_texts: ClassVar = {
            "equipment": _("One machine, or else a category."),
            "category": _("All its machines, also those still to come."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        label_limits(self.fields, None if self.instance._state.adding else self.instance)
        hours = self.instance.weekly_hours or {}
        for day, name in zip(WEEKDAYS, DAY_NAMES, strict=True):
            self.fields[day] = OpeningsField(label=name, required=False)
            self.initial[day] = as_text(hours.get(day, []))
        self.fields[WEEKDAYS[0]].help_text = _("As 08:00–12:00, 13:00–17:00. All days empty: alarms begin at any time.")

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        hours = {day: cleaned.get(day, []) for day in WEEKDAYS}
        self.instance.weekly_hours = hours if any(hours.values()) else None
        if "kind" in cleaned and not self.errors.keys() & UNSET.keys():
            try:
                cleaned.update(complete(cleaned["kind"], cleaned, given=set()))
            except ValidationFailed as refused:
                self.blame(refused)
        return cleaned


class RuleStateInline(ReadOnlyInline):
    model = RuleState
    fields = readonly_fields = ("machine", "since", "judged_up_to", "version")
    verbose_name_plural = _("where it fires now")
    empty_note = _("It fires nowhere now.")

    def get_queryset(self, request: HttpRequest) -> QuerySet[RuleState]:
        states: QuerySet[RuleState] = super().get_queryset(request).filter(is_told=True)
        return states.select_related("series__equipment", "series__metric")

    @admin.display(description=_("series"))
    def machine(self, state: RuleState) -> SafeString | str:
        return link_to(state.series)


class FailingStateInline(ReadOnlyInline):
    model = RuleState
    fields = readonly_fields = ("machine", "failing_since", "failed_at", "last_error")
    verbose_name_plural = _("where it can't be judged")
    empty_note = _("It is judged everywhere.")

    def get_queryset(self, request: HttpRequest) -> QuerySet[RuleState]:
        states: QuerySet[RuleState] = super().get_queryset(request).filter(failing_since__isnull=False)
        return states.select_related("series__equipment", "series__metric")

    @admin.display(description=_("series"))
    def machine(self, state: RuleState) -> SafeString | str:
        return link_to(state.series)


class RuleVersionInline(ReadOnlyInline):
    model = RuleVersion
    fields = readonly_fields = ("version", "in_force_from", "changed_by", "rule_then")
    verbose_name_plural = _("versions")
    per_page = 20

    def get_queryset(self, request: HttpRequest) -> QuerySet[RuleVersion]:
        rows: QuerySet[RuleVersion] = super().get_queryset(request).select_related("changed_by")
        return rows.order_by("-version")

    @admin.display(description=_("rule"))
    def rule_then(self, version: RuleVersion) -> str:
        """What was set, without what was left as it is for rules of its kind."""
        config = version.config
        names = ("title", "kind", *sorted(taken_by(config["kind"])), "severity", "is_enabled")
        return ", ".join(f"{name} {config[name]}" for name in names)


@admin.register(Rule)
class RuleAdmin(ModelAdmin):
    empty_note = _("A rule raises an alert when its condition holds. Add one for a machine or a category.")
    form = RuleForm
    list_display = ("title", "metric", "limit", "watched", "shown_severity", "is_enabled", "firing", "failing")
    list_filter = ("kind", "severity", "is_enabled", "metric")
    list_select_related = ("metric", "equipment", "category")
    search_fields = ("title", "equipment__equipment_code", "equipment__equipment_name", "category__name")
    ordering = ("-created_at", "-id")
    autocomplete_fields = ("equipment", "category", "metric")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "title", ("equipment", "category"), "metric", "kind", "comparison",
                    "trigger_value", "clear_value", "low_value", "high_value", "clear_margin", "window_s", "rate_per",
                    "stale_after_s", "stuck_for_s", "tolerance", "for_s", "keep_firing_s", "min_samples",
                    "severity", "is_enabled",
                ),
            },
        ),
        (_("When alarms may begin, on the clock of the site"), {"fields": WEEKDAYS, "classes": ("collapse",)}),
    )  # fmt: skip
    conditional_fields = {name: shown_for(name) for name in UNSET}
    inlines = (FailingStateInline, RuleStateInline, RuleVersionInline)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        # The days are fields of the form alone; Django would look for them in the model.
        return super().get_form(request, obj, change, **{**kwargs, "fields": RuleForm.Meta.fields})

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: Any = super().get_queryset(request)
        return rows.with_firing_count().with_failures()  # type: ignore[no-any-return]

    def create_record(self, request: HttpRequest, record: Rule) -> None:
        ours = {*OWN_COLUMNS, *(UNSET.keys() - taken_by(record.kind))}
        names = [field.name for field in Rule._meta.concrete_fields if field.name not in ours]
        Rule.add(by=caller(request), at=timezone.now(), **{name: getattr(record, name) for name in names})

    def change_record(self, request: HttpRequest, record: Rule, changed: list[str]) -> None:
        ours = {*WEEKDAYS, *(UNSET.keys() - taken_by(record.kind))}
        names = {*(name for name in changed if name not in ours), "weekly_hours"}
        stored = Rule.objects.get(pk=record.pk)
        stored.change(by=caller(request), at=timezone.now(), **{name: getattr(record, name) for name in names})

    @admin.display(description=_("limit"), ordering="trigger_value")
    def limit(self, rule: Rule) -> str:
        return limit_words(rule.limits(), rule.metric.unit)

    @admin.display(description=_("severity"), ordering=as_declared("severity", Rule.Severity))
    def shown_severity(self, rule: Rule) -> str:
        return severity_badge(rule)

    @admin.display(description=_("watches"))
    def watched(self, rule: Rule) -> str:
        return str(rule.equipment or rule.category)

    @admin.display(description=_("fires on"), ordering="firing_count")
    def firing(self, rule: Any) -> str:
        return badge(rule.firing_count, "danger") if rule.firing_count else "0"

    @admin.display(description=_("not judged on"), ordering="failing_count")
    def failing(self, rule: Any) -> str:
        return badge(rule.failing_count, "danger") if rule.failing_count else "–"


add_button(Rule, try_on_the_past)


@admin.register(RuleState)
class RuleStateAdmin(ReadOnlyAdmin):
    empty_note = _("Nothing is watched yet. A rule begins to watch with the next reading.")
    list_display = ("rule", "series", "shown_state", "since", "judged_up_to", "held_back", "failing")
    list_filter = (
        "state",
        "suppressed_by",
        "rule__severity",
        ("failing_since", admin.EmptyFieldListFilter),
        OnSiteOfSeries,
        "rule",
    )
    list_select_related = ("rule", "series__equipment", "series__metric")
    search_fields = ("rule__title", "series__equipment__equipment_code")
    ordering = ("-since", "-id")

    def get_queryset(self, request: HttpRequest) -> QuerySet[RuleState]:
        rows: QuerySet[RuleState] = super().get_queryset(request)
        return rows.filter(series__in=Series.objects.for_user(caller(request)))

    @admin.display(description=_("state"), ordering="state")
    def shown_state(self, state: RuleState) -> str:
        return badge(state.get_state_display(), STATE_COLOURS[state.state])

    @admin.display(description=_("suppressed by"), ordering="suppressed_by")
    def held_back(self, state: RuleState) -> str:
        return state.get_suppressed_by_display() or "–" if state.state in ALARM else "–"

    @admin.display(description=_("not judged"), ordering="failing_since")
    def failing(self, state: RuleState) -> str:
        return badge(state.last_error, "danger") if state.failing_since else "–"


class WhenFilter(admin.SimpleListFilter):
    title = _("when")
    parameter_name = "when"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("now", _("In force now")), ("ahead", _("Still to come")), ("past", _("Over"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        now, windows = timezone.now(), MaintenanceWindow.objects
        chosen = {
            "now": windows.over(now), "ahead": windows.filter(starts_at__gt=now),
            "past": windows.filter(ends_at__lte=now),
        }  # fmt: skip
        return queryset & chosen[self.value() or ""] if self.value() in chosen else queryset


class WindowForm(RecordForm):
    blamed: ClassVar = {
        "check_iot_maintenance_windows_scope": "equipment", "check_iot_maintenance_windows_order": "ends_at",
    }  # fmt: skip


@admin.register(MaintenanceWindow)
class MaintenanceWindowAdmin(ModelAdmin):
    """Planned times without new alerts from rules."""

    form = WindowForm

    empty_note = _("While a window lasts, rules open no alerts for its machine or place. Add one before planned work.")
    list_display = ("reason", "when", "where", "starts_at", "ends_at", "created_by")
    list_filter = (WhenFilter, ("starts_at", PeriodFilter))
    list_select_related = ("equipment", "location", "created_by")
    search_fields = ("reason", "equipment__equipment_code", "location__name")
    ordering = ("-starts_at", "-id")
    autocomplete_fields = ("equipment", "location")
    fields = (("equipment", "location"), "starts_at", "ends_at", "reason")

    def create_record(self, request: HttpRequest, record: MaintenanceWindow) -> None:
        names = ("equipment", "location", "starts_at", "ends_at", "reason")
        fields = {name: getattr(record, name) for name in names}
        record.pk = MaintenanceWindow.add(by=caller(request), **fields).pk

    def change_record(self, request: HttpRequest, record: MaintenanceWindow, changed: list[str]) -> None:
        stored = MaintenanceWindow.objects.get(pk=record.pk)
        stored.change(by=caller(request), **{name: getattr(record, name) for name in changed})

    @admin.display(description=_("when"))
    def when(self, window: MaintenanceWindow) -> str:
        now = timezone.now()
        if window.ends_at <= now:
            return badge(_("Over"), "")
        return badge(_("Still to come"), "info") if window.starts_at > now else badge(_("In force now"), "warning")

    @admin.display(description=_("for"))
    def where(self, window: MaintenanceWindow) -> str:
        return str(window.equipment or window.location)
