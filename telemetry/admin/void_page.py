"""Readings declared void on a page of their series: first what would be left out, drawn and counted, then doing it."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action

from equipment.models import Equipment
from faultreporter.accounts.authentication import caller
from faultreporter.backoffice import page_of
from faultreporter.errors import DomainError
from telemetry import voiding
from telemetry.charts import curves
from telemetry.charts.drawing import Data, zone_for
from telemetry.models import Series
from telemetry.units import quantity

MOST_DRAWN = 6
BESIDE = timedelta(hours=1)
"""So much is drawn on either side at least, so that one sees what is wrong."""


class VoidForm(forms.Form):
    """Which readings of a machine are wrong, on the clock of its site."""

    series = forms.ModelMultipleChoiceField(
        Series.objects.none(), label=_("Series"), widget=forms.CheckboxSelectMultiple
    )
    since = forms.DateTimeField(
        label=_("From"), widget=forms.DateTimeInput({"type": "datetime-local"}, "%Y-%m-%dT%H:%M")
    )
    until = forms.DateTimeField(label=_("To"), widget=forms.DateTimeInput({"type": "datetime-local"}, "%Y-%m-%dT%H:%M"))
    reason = forms.CharField(label=_("Reason"), max_length=300)

    def __init__(self, *args: Any, machine: Equipment, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        lines: Any = self.fields["series"]
        lines.queryset = machine.series.select_related("metric").order_by("metric__name")
        lines.label_from_instance = lambda series: series.metric.name

    @property
    def keys(self) -> list[int]:
        return [series.pk for series in self.cleaned_data["series"]]

    @property
    def span(self) -> Data:
        return {"since": self.cleaned_data["since"], "until": self.cleaned_data["until"]}


@action(description=_("Void readings"), url_path="void", permissions=["change"], icon="layers_clear")
def void_readings(page: Any, request: HttpRequest, object_id: str) -> HttpResponse:
    series = page.record(request, object_id)
    if series is None:
        raise Http404
    now, zone = timezone.now(), zone_for(series.equipment)
    with timezone.override(zone):
        form = form_of(request, series, at=now)
        context = {
            **page.admin_site.each_context(request),
            "opts": page.opts,
            "original": series,
            "title": gettext("Void readings: %(machine)s") % {"machine": series.equipment},
            "form": form,
            "zone": zone.key,
            "media": page.media + form.media + curves.MEDIA,
        }
        if request.method == "POST" and form.is_valid():
            try:
                if "confirmed" in request.POST:
                    return declared(page, request, form, at=now)
                context["preview"] = preview(form, series.equipment, zone, at=now)
            except DomainError as refused:
                form.add_error(None, refused.message)
        return TemplateResponse(request, "admin/telemetry/void.html", context).render()


def form_of(request: HttpRequest, series: Series, *, at: datetime) -> VoidForm:
    initial = {"series": [series.pk], "since": at - timedelta(days=1), "until": at}
    return VoidForm(request.POST if request.method == "POST" else None, initial=initial, machine=series.equipment)


def declared(page: Any, request: HttpRequest, form: VoidForm, *, at: datetime) -> HttpResponse:
    reason = form.cleaned_data["reason"]
    void = voiding.declare(series=form.keys, reason=reason, by=caller(request), at=at, **form.span)
    page.message_user(request, gettext("The readings are void. It can be taken back while their months are kept."))
    return HttpResponseRedirect(page_of(void))


def preview(form: VoidForm, machine: Equipment, zone: ZoneInfo, *, at: datetime) -> Data:
    """Each series with its numbers and, of the first ones, the curve in which the time is marked."""
    since, until = form.cleaned_data["since"], form.cleaned_data["until"]
    found = {one.series_id: one for one in voiding.figures(form.keys, at=at, **form.span)}
    beside = max(BESIDE, (until - since) / 4)
    shown = {"since": since - beside, "until": min(until + beside, at + timedelta(minutes=1))}
    lines = [
        {
            "series": series,
            "figures": found[series.pk],
            "lowest": told(found[series.pk].lowest, series),
            "highest": told(found[series.pk].highest, series),
            "curve": number < MOST_DRAWN
            and curves.curve(series, **shown, span=(since, until), spoken={"firing": gettext("Would be void")}),
        }
        for number, series in enumerate(form.cleaned_data["series"])
    ]
    return {
        "lines": lines,
        "readings": sum(one.readings for one in found.values()),
        "is_long": sum(one.readings for one in found.values()) > voiding.AT_ONCE,
        "alerts": voiding.alerts_raised(form.keys, **form.span),
        "alerts_url": f"{reverse('admin:alerts_alert_changelist')}?q={machine.equipment_code}",
        "fields": [(field.html_name, value) for field in form for value in values_of(field)],
    }


def told(value: float | None, series: Series) -> str:
    return "–" if value is None else quantity(value, series.metric.unit)


def values_of(field: forms.BoundField) -> list[Any]:
    """As they were sent, for the form that only confirms."""
    value = field.data
    return value if isinstance(value, list) else [value]
