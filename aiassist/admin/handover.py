"""The page of shift handovers: a site's day in words, with links to what it says, made to be printed."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final
from urllib.parse import urlencode

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from aiassist import quota
from aiassist.admin.evidence import Found, alerts_named, orders_named
from aiassist.admin.findings import reasons_in_words
from aiassist.handover.answer import Topic
from aiassist.handover.gathering import today
from aiassist.models import Analysis
from aiassist.providers import registry
from equipment.models import Equipment
from faultreporter.accounts.authentication import caller
from faultreporter.accounts.models import User
from faultreporter.backoffice import page_of
from locations.models import Location

TITLES: Final[dict[str, Any]] = {
    Topic.SAFETY: _("Safety"),
    Topic.ALERTS: _("Alerts"),
    Topic.ORDERS: _("Work orders"),
    Topic.MACHINES: _("Machines"),
    Topic.READINGS: _("Readings"),
    Topic.NEXT_SHIFT: _("Due in the next shift"),
}


class DayForm(forms.Form):
    """Whose day. What names nothing is the first site, and its today."""

    site = forms.ModelChoiceField(
        required=False, label=_("Site"), queryset=Location.objects.none(), widget=UnfoldAdminSelectWidget,
        empty_label=None,
    )  # fmt: skip
    day = forms.DateField(
        required=False, label=_("Day"), widget=UnfoldAdminTextInputWidget(attrs={"type": "date"}),
    )  # fmt: skip

    def __init__(self, data: Any, *, user: User, at: datetime) -> None:
        sites = Location.objects.for_user(user).living().sites().order_by("name", "pk")
        super().__init__(data)
        field: Any = self.fields["site"]
        field.queryset = sites
        self.is_valid()
        self.place: Location | None = self.cleaned_data.get("site") or sites.first()
        self.date: date | None = None
        if self.place:
            now = today(self.place, at=at)
            self.date = min(self.cleaned_data.get("day") or now, now)
            self.data = {"site": self.place.pk, "day": self.date.isoformat()}

    def address(self) -> str:
        return address(self.data if self.place else {})


def address(said: Mapping[str, Any]) -> str:
    return f"{reverse('admin:aiassist_analysis_handover')}?{urlencode(said)}"


class HandoverPages:
    """Mixed into the admin of analyses."""

    def get_urls(self) -> list[Any]:
        page: Any = self
        view = page.admin_site.admin_view(self.handover)
        return [path("handover/", view, name="aiassist_analysis_handover"), *super().get_urls()]  # type: ignore[misc]

    def handover(self, request: HttpRequest) -> HttpResponse:
        page: Any = self
        if not page.has_view_permission(request):
            raise PermissionDenied
        user, at = caller(request), timezone.now()
        chosen = DayForm(request.POST if request.method == "POST" else request.GET, user=user, at=at)
        if request.method == "POST":
            if chosen.place:
                ask(chosen, by=user, at=at)
            return HttpResponseRedirect(chosen.address())
        context = {
            **page.admin_site.each_context(request),
            "title": _("Shift handover"),
            "content_title": _("Shift handover"),
            "chosen": chosen,
            **shown(chosen, user),
        }
        return TemplateResponse(request, "admin/aiassist/handover.html", context)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """A handover is read on its own page."""
        page: Any = self
        analysis = page.record(request, object_id)
        if analysis is not None and analysis.purpose == Analysis.Purpose.HANDOVER:
            return HttpResponseRedirect(address({"site": analysis.site_id, "day": analysis.day}))
        answer: HttpResponse = super().change_view(request, object_id, form_url, extra_context)  # type: ignore[misc]
        return answer


def ask(chosen: DayForm, *, by: User, at: datetime) -> None:
    Analysis.objects.ask(
        by=by,
        at=at,
        provider=quota.within(by=by, provider=registry.AUTO, at=at),
        purpose=Analysis.Purpose.HANDOVER,
        site=chosen.place,
        day=chosen.date,
    )


def shown(chosen: DayForm, user: User) -> dict[str, Any]:
    """The latest text of the day, and what became of the latest wish for one."""
    if chosen.place is None:
        return {}
    rows = Analysis.objects.for_user(user).filter(purpose=Analysis.Purpose.HANDOVER, site=chosen.place, day=chosen.date)
    latest = rows.order_by("-created_at").first()
    if latest is None:
        return {}
    written = latest if latest.result else rows.exclude(result=None).order_by("-created_at").first()
    return {
        "running": not latest.is_finished,
        "failure": latest.failure_message if latest.status == Analysis.Status.FAILED else "",
        "written": written,
        "writer": written.provider_label if written else "",
        "reasons": reasons_in_words(written) if written else [],
        "sections": sections_of(written, user) if written else [],
    }


def sections_of(handover: Analysis, user: User) -> list[dict[str, Any]]:
    sections = (handover.result or {}).get("sections", [])
    cited: dict[str, set[str]] = {"ALERT": set(), "ORDER": set(), "MACHINE": set()}
    for section in sections:
        for item in section["items"]:
            for citation in item["citations"]:
                cited[citation["kind"]].add(citation["reference"])
    found = {
        "ALERT": alerts_named(cited["ALERT"], handover, user),
        "ORDER": orders_named(cited["ORDER"], handover, user),
        "MACHINE": machines_named(cited["MACHINE"], user),
    }
    return [
        {
            "title": TITLES[section["topic"]],
            "is_danger": section["topic"] == Topic.SAFETY,
            "rows": [{"text": item["text"], "links": links_of(item, found)} for item in section["items"]],
        }
        for section in sections
        if section["items"]
    ]


def links_of(item: dict[str, Any], found: dict[str, Found]) -> list[tuple[str, str]]:
    """Each record once; what is gone or out of sight has no link."""
    named = (found[citation["kind"]].get(citation["reference"]) for citation in item["citations"])
    return list(dict.fromkeys(link for link in named if link))


def machines_named(codes: set[str], user: User) -> Found:
    rows = Equipment.objects.living().for_user(user).filter(equipment_code__in=codes)
    return {row.equipment_code: (page_of(row), row.equipment_code) for row in rows}
