"""A reading typed in the back office: from the page of a series, of a meter, or of a machine."""

from typing import Any

from django import forms
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminSplitDateTimeVerticalWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from equipment.models import Equipment
from faultreporter.accounts.authentication import caller
from faultreporter.backoffice import add_button, page_of
from faultreporter.errors import DomainError
from telemetry.charts.drawing import told
from telemetry.hand_readings.by_hand import Entered, Outcome, ReadingConflict, ReadingRefused, Typed, enter
from telemetry.hand_readings.doubts import ImplausibleReading
from telemetry.models import Metric, Series
from telemetry.units import quantity, symbol

# What the form calls the fields of the API.
FIELDS = {"recorded_at": "read_at"}


class EnterForm(forms.Form):
    """`confirm` is only shown once the value has been doubted."""

    value = forms.FloatField(
        label=_("Value"), widget=UnfoldAdminDecimalFieldWidget(attrs={"step": "any", "inputmode": "decimal"})
    )
    confirm = forms.BooleanField(label=_("The value is right: store it"), required=False, widget=UnfoldBooleanWidget)
    read_at = forms.SplitDateTimeField(label=_("Read at"), widget=UnfoldAdminSplitDateTimeVerticalWidget)
    note = forms.CharField(label=_("Note"), max_length=200, required=False, widget=UnfoldAdminTextInputWidget)

    def __init__(self, *args: Any, unit: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["read_at"] = timezone.localtime().replace(microsecond=0)
        self.doubted = False
        if unit:
            self.fields["value"].label = gettext("Value in %(unit)s") % {"unit": symbol(unit)}

    @property
    def shown(self) -> list[forms.BoundField]:
        return [field for field in self if field.name != "confirm" or self.doubted]

    def metric_code(self) -> str:
        """Of what, where the page doesn't know it."""
        metric: Metric = self.cleaned_data["metric"]
        return metric.code

    def blame(self, refused: DomainError) -> None:
        """Says at the field what is wrong with it."""
        self.doubted = isinstance(refused, ImplausibleReading)
        told = refused.in_words if isinstance(refused, ImplausibleReading) else refused.message
        field = refused.details[0].field if refused.details else ""
        name = FIELDS.get(field, field)
        self.add_error(name if name in self.fields else "value", told)


class MachineForm(EnterForm):
    """On a machine's page it is also asked what was read; a first reading begins a series."""

    metric = forms.ModelChoiceField(
        label=_("Metric"), queryset=Metric.objects.none(), widget=UnfoldAdminSelectWidget, to_field_name="code",
        help_text=_("The value is in the metric's unit, which stands behind its name."),
    )  # fmt: skip
    field_order = ("metric", "value")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choice: Any = self.fields["metric"]
        choice.queryset = Metric.objects.living().order_by("name")


@action(description=_("Enter a reading"), url_path="enter", permissions=["change"], icon="edit_note")
def enter_a_reading(page: Any, request: HttpRequest, object_id: str) -> HttpResponse:
    """Of a series, or of the series that a meter reads."""
    record = page.record(request, object_id)
    if record is None:
        raise Http404
    key = record.pk if isinstance(record, Series) else record.series_id
    series = Series.objects.select_related("equipment", "metric", "latest").get(pk=key)
    form = EnterForm(request.POST or None, unit=series.metric.unit)
    return entering(page, request, record, form, machine=series.equipment, series=series)


@action(description=_("Enter a reading"), url_path="enter", permissions=["view"], icon="edit_note")
def enter_on_machine(page: Any, request: HttpRequest, object_id: str) -> HttpResponse:
    machine = page.record(request, object_id)
    if machine is None:
        raise Http404
    return entering(page, request, machine, MachineForm(request.POST or None), machine=machine, series=None)


def entering(
    page: Any, request: HttpRequest, record: Any, form: EnterForm, *, machine: Equipment, series: Series | None
) -> HttpResponse:
    """The form, until what it says is stored."""
    if form.is_valid():
        typed = Typed(
            equipment_id=machine.pk,
            metric=series.metric.code if series else form.metric_code(),
            value=form.cleaned_data["value"],
            recorded_at=form.cleaned_data["read_at"].isoformat(),
            note=form.cleaned_data["note"],
            confirm=form.cleaned_data["confirm"],
        )
        try:
            found = enter(typed, by=caller(request), at=timezone.now())
        except (ReadingRefused, ReadingConflict, ImplausibleReading) as refused:
            form.blame(refused)
        else:
            page.message_user(request, said_of(found))
            return HttpResponseRedirect(page_of(record))
    context = {
        **page.admin_site.each_context(request),
        "opts": page.opts,
        "original": record,
        "title": gettext("Enter a reading"),
        "back": page_of(record),
        "machine": machine,
        "series": series,
        "last": last_of(series),
        "form": form,
        "media": page.media + form.media,
    }
    return TemplateResponse(request, "admin/telemetry/enter.html", context)


def last_of(series: Series | None) -> dict[str, Any] | None:
    if series is None or not hasattr(series, "latest"):
        return None
    return {"value": told(series.latest, series.metric.unit), "at": series.latest.recorded_at}


def said_of(found: Entered) -> str:
    stored = quantity(found.line.value, found.line.unit)
    if found.outcome is Outcome.KNOWN:
        return gettext("%(stored)s was stored for this moment already.") % {"stored": stored}
    return gettext("%(stored)s is stored.") % {"stored": stored}


def enter_link(series: Series) -> SafeString:
    """From a row of a list to the form."""
    url, words = reverse("admin:telemetry_series_enter_a_reading", args=[series.pk]), gettext("Enter a reading")
    return format_html('<a class="text-primary-600 dark:text-primary-500" href="{}">{}</a>', url, words)


add_button(Equipment, enter_on_machine)
