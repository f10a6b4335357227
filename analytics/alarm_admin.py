"""Alarm performance in the back office: a page of its own, and a tab on each rule's page."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext_lazy
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget

from alerts.models import Alert, AlertQuerySet
from analytics.alarms.figures import (
    ACCEPTABLE_PER_DAY,
    ACTORS_SHARE,
    FLOOD_SHARE,
    SEVERITY_SHARES,
    STANDING_AT_MOST,
    Period,
    Share,
)
from analytics.alarms.performance import Actor, Performance, Row, performance, rule_rows
from faultreporter.accounts.authentication import caller
from faultreporter.accounts.models import User
from faultreporter.backoffice import ReadOnlyFormSet, ReadOnlyInline, add_tabs, badge, link_to
from faultreporter.charts import STACKED, severity_bars
from locations.models import Location
from locations.models.calendar import zone_of
from telemetry.models import Rule
from telemetry.models.rule_kinds import seconds

PERIODS: Final = [(str(days), ngettext_lazy("%d day", "%d days", days) % days) for days in (30, 7, 90, 365)]
RULES_LISTED: Final = 15
LINK: Final = '<a class="text-primary-600 dark:text-primary-500" href="{}">{}</a>'
Data = dict[str, Any]


class AskedForm(forms.Form):
    days = forms.ChoiceField(required=False, label=_("Time"), choices=PERIODS, widget=UnfoldAdminSelectWidget)
    site = forms.ModelChoiceField(
        Location.objects.none(), required=False, label=_("Site"), empty_label=_("All sites"),
        widget=UnfoldAdminSelectWidget,
    )  # fmt: skip

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        sites: Any = self.fields["site"]
        sites.queryset = Location.objects.for_user(user).living().sites().order_by("name")


class AlarmPages:
    """Mixed into the admin of reliability."""

    def get_urls(self) -> list[Any]:
        page: Any = self
        view = page.admin_site.admin_view(self.alarms)
        return [path("alarms/", view, name="analytics_assetreliability_alarms"), *super().get_urls()]  # type: ignore[misc]

    def alarms(self, request: HttpRequest) -> HttpResponse:
        page: Any = self
        if not page.has_view_permission(request):
            raise PermissionDenied
        user = caller(request)
        form = AskedForm(request.GET or None, user=user)
        asked = form.cleaned_data if form.is_valid() else {}
        context = {
            **page.admin_site.each_context(request),
            "title": _("Alarm performance"),
            "content_title": _("Alarm performance"),
            "form": form,
            **figures(user, site=asked.get("site"), days=int(asked.get("days") or PERIODS[0][0]), at=timezone.now()),
        }
        return TemplateResponse(request, "admin/analytics/alarms.html", context)


def last_days(days: int, zone: ZoneInfo, *, at: datetime) -> Period:
    """Up to today."""
    today = at.astimezone(zone).date()
    return Period(today - timedelta(days=days - 1), today, zone, at)


def figures(user: User, *, site: Location | None, days: int, at: datetime) -> Data:
    period = last_days(days, zone_of(site) if site else ZoneInfo(user.time_zone), at=at)
    alerts = Alert.objects.for_user(user).living()
    if site:
        alerts = alerts.in_location(site.pk)
    now, before = performance(alerts, period), performance(alerts, period.before())
    counts = {(day.day, severity): number for day in now.days for severity, number in day.severities.items()}
    return {
        "now": now,
        "has_any": now.load.begins or now.standing,
        "zone": period.zone.key,
        "tiles": tiles(now, before),
        "chart": severity_bars(period.days, counts),
        "chart_options": STACKED,
        "days": [(date_format(day.day, "j M Y"), day.begins) for day in reversed(now.days) if day.begins],
        "severities": severity_table(now),
        "sites": site_table(now),
        "actors": actor_table(now.bad_actors),
        "rules": rule_table(rules_of(alerts, period)),
    }


def rules_of(alerts: AlertQuerySet, period: Period) -> list[Row]:
    """Those with advice, then the loudest."""
    rows = rule_rows(alerts.filter(rule__isnull=False), period)
    return sorted(rows, key=lambda row: (not row.advice, -row.load.begins, -row.standing, row.record.pk))[:RULES_LISTED]


def tiles(now: Performance, before: Performance) -> list[Data]:
    """The figures, each with what is recommended and with the period before."""
    load, past = now.load, before.load
    days_over = _("up to %(n)d are acceptable for one operator") % {"n": ACCEPTABLE_PER_DAY}
    floods = _("%(share)s of the time a flood; below %(most)s is recommended")
    return [
        tile(_("Alarms a day"), rate(now.per_day), rate(before.per_day), days_over),
        tile(_("False alarms"), percent(load.false_share), percent(past.false_share), of(load.false_share)),
        tile(
            _("Cleared by themselves"), percent(load.self_cleared), percent(past.self_cleared),
            _("%(n)d within ten minutes") % {"n": load.fleeting},
        ),
        tile(
            _("Chattering"), load.chattering, past.chattering,
            _("from %(n)d alarms; none is recommended") % {"n": load.chattering_alarms},
        ),
        tile(
            _("Open for more than a day"), now.standing, before.standing,
            _("fewer than %(n)d are recommended") % {"n": STANDING_AT_MOST},
        ),
        tile(
            _("Most in ten minutes"), now.peak.begins if now.peak else "–", before.peak.begins if before.peak else "–",
            floods % {"share": percent(now.floods, 2), "most": whole_percent(FLOOD_SHARE)},
        ),
        tile(
            _("Until acknowledged"), span(load.to_acknowledge.median_s), span(past.to_acknowledge.median_s),
            _("median; nine in ten within %(span)s") % {"span": span(load.to_acknowledge.p90_s)},
        ),
        tile(
            _("The ten loudest"), percent(now.top_share), percent(before.top_share),
            _("of all alarms; up to %(most)s is recommended") % {"most": whole_percent(ACTORS_SHARE)},
        ),
    ]  # fmt: skip


def tile(title: Any, value: Any, before: Any, note: Any) -> Data:
    return {"title": title, "value": value, "before": _("before: %(value)s") % {"value": before}, "note": note}


def rate(number: float | None) -> str:
    return "–" if number is None else number_format(number, 1 if number >= 1 else 2)


def percent(part: Share, digits: int = 0) -> str:
    return "–" if part.share is None else f"{number_format(100 * part.share, digits)} %"


def whole_percent(share: float) -> str:
    return f"{number_format(100 * share, 0)} %"


def of(part: Share) -> str:
    """The numbers behind a share, and whether they are few."""
    words = _("%(n)d of %(of)d, too few to tell much") if part.of > 0 and part.is_few else _("%(n)d of %(of)d")
    return words % {"n": part.count, "of": part.of}


def span(amount: float | None) -> str:
    return "–" if amount is None else seconds(amount)


def severity_table(now: Performance) -> Data:
    shares = [(Alert.Severity(one).label, part, SEVERITY_SHARES[one]) for one, part in now.severities.items()]
    return {
        "headers": [_("Severity"), _("Alarms"), _("Share"), _("Recommended")],
        "rows": [[label, part.count, percent(part), f"≈ {whole_percent(goal)}"] for label, part, goal in shares],
    }


def site_table(now: Performance) -> Data:
    return {
        "headers": [_("Site"), _("Alarms"), _("A day")],
        "rows": [[one.site.name if one.site else _("Nowhere"), one.begins, rate(one.per_day)] for one in now.sites],
    }


def actor_table(actors: Iterable[Actor]) -> Data:
    return {
        "headers": [_("Alarm"), _("Machine"), _("Alarms"), _("Share"), _("With those above"), _("Last")],
        "rows": [
            [
                link_to(Rule(pk=one.rule_id), one.title) if one.rule_id else one.title,
                link_to(one.equipment),
                one.begins,
                percent(one.share),
                percent(one.cumulative),
                date_format(timezone.localtime(one.last_at), "j M H:i"),
            ]
            for one in actors
        ],
    }


def rule_table(rows: Iterable[Row]) -> Data:
    return {
        "headers": [
            _("Rule"), _("Alarms"), _("A day"), _("Cleared by themselves"), _("Chattering"), _("False alarms"),
            _("Until acknowledged"), _("Open over a day"), _("Advice"),
        ],
        "rows": [[link_to(row.record), *cells(row), advice(row)] for row in rows],
    }  # fmt: skip


def cells(row: Row) -> list[Any]:
    load = row.load
    return [
        load.begins, changed_rate(row), counted(load.self_cleared), load.chattering, counted(load.false_share),
        span(load.to_acknowledge.median_s), row.standing,
    ]  # fmt: skip


def counted(part: Share) -> str:
    return gettext("%(n)d of %(of)d") % {"n": part.count, "of": part.of} if part.of else "–"


def changed_rate(row: Row) -> str:
    """Of a rule that was changed meanwhile, before and after."""
    if row.per_day_before is None or row.per_day_since is None:
        return rate(row.per_day)
    words = gettext("%(before)s, since its change %(since)s")
    return words % {"before": rate(row.per_day_before), "since": rate(row.per_day_since)}


def advice(row: Row) -> SafeString | str:
    """In words, with the way to try it."""
    if not row.advice:
        return "" if row.record.is_enabled else badge(_("disabled"), "")
    said = format_html_join("", '<p class="min-w-64 whitespace-normal">{}</p>', ((one.text,) for one in row.advice))
    address = reverse("admin:telemetry_rule_try_on_the_past", args=[row.record.pk])
    return format_html("<div>{}<p>{}</p></div>", said, format_html(LINK, address, _("Try on the past")))


class RuleFormSet(ReadOnlyFormSet):
    """One row: what the rule came to in the last thirty days."""

    def table(self) -> Data:
        user = self.inline.user
        alerts = Alert.objects.for_user(user).living().filter(rule=self.instance.pk)
        period = last_days(30, ZoneInfo(user.time_zone), at=timezone.now())
        table = rule_table(rule_rows(alerts, period))
        return {"headers": table["headers"][1:], "rows": [row[1:] for row in table["rows"]]}


class RuleAlarmsInline(ReadOnlyInline):
    """What a rule came to."""

    model = Alert
    fk_name = "rule"
    formset = RuleFormSet
    fields = ()
    verbose_name_plural = _("last 30 days")
    empty_note = _("It has raised no alert in the last 30 days.")

    def get_queryset(self, request: HttpRequest) -> Any:
        self.user = caller(request)
        return super().get_queryset(request).none()


add_tabs(Rule, RuleAlarmsInline)
