"""A rule tried on the past: readings, what it would have done, other limits, and a click that makes them the rule's."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action

from faultreporter.accounts.authentication import caller
from faultreporter.accounts.models import User
from faultreporter.backoffice import page_of
from faultreporter.errors import DomainError, PreconditionFailed, RangeTooLarge
from telemetry.charts.drawing import Data, series_json, words, zone_for
from telemetry.models import Rule, Series, Suppression
from telemetry.models.catalogue import GAP_INTERVALS
from telemetry.models.rule_kinds import UNSET, taken_by
from telemetry.rules.backtest import MAX_SERIES, watched_by
from telemetry.rules.reasons import limit_words
from telemetry.units import symbol

SPANS = ((_("24 hours"), timedelta(days=1)), (_("7 days"), timedelta(days=7)), (_("30 days"), timedelta(days=30)))


@action(description=_("Try on the past"), url_path="try", permissions=["change"], icon="history")
def try_on_the_past(page: Any, request: HttpRequest, object_id: str) -> HttpResponse:
    rule = page.record(request, object_id)
    if rule is None:
        raise Http404
    form = draft_form(page, request, rule)
    if request.method == "POST" and form.is_valid():
        return applied(page, request, rule, form)
    watched, is_cut = series_of(rule, user=caller(request))
    context = {
        **page.admin_site.each_context(request),
        "opts": page.opts,
        "original": rule,
        "title": gettext("Try on the past: %(rule)s") % {"rule": rule},
        "rule_url": page_of(rule),
        "form": form,
        "version": rule.version,
        "watched": watched,
        "is_cut": is_cut,
        "spans": [(label, int(span.total_seconds())) for label, span in SPANS],
        "limits": limit_words(rule.limits(), rule.metric.unit),
        "config": config(rule, watched, at=timezone.now()),
        "media": page.media + form.media,
    }
    return TemplateResponse(request, "admin/telemetry/try.html", context)


LABELS = {
    "for_s": _("must last for, in seconds"),
    "keep_firing_s": _("must be over for, in seconds"),
    "window_s": _("change taken over, in seconds"),
    "stale_after_s": _("no reading for, in seconds"),
    "stuck_for_s": _("unchanged for, in seconds"),
    "tolerance": _("unchanged within"),
}
IN_THE_UNIT = ("trigger_value", "clear_value", "low_value", "high_value", "clear_margin", "tolerance")


def label_limits(fields: Mapping[str, forms.Field], rule: Rule | None = None) -> None:
    """Says at each limit what it is in; of a rule that is known, the metric's unit, too."""
    for name in LABELS.keys() & fields.keys():
        fields[name].label = capfirst(LABELS[name])
    unit = symbol(rule.metric.unit) if rule else ""
    if rule and unit and rule.kind != Rule.Kind.RATE_OF_CHANGE:
        for name in fields.keys() & set(IN_THE_UNIT):
            fields[name].label = f"{fields[name].label}, {unit}"


class DraftForm(forms.ModelForm[Rule]):
    """The limits that the rule's kind has. Nothing of it is saved here; `changes` are what was typed anew."""

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        self.changes = {name: cleaned[name] for name in self.changed_data if name in cleaned}
        try:
            Rule.objects.get(pk=self.instance.pk).draft(**self.changes)
        except DomainError as refused:
            field = refused.details[0].field if refused.details else None
            self.add_error(field if field in self.fields else None, refused.message)
        return cleaned


def draft_form(page: Any, request: HttpRequest, rule: Rule) -> DraftForm:
    def field_of(column: Any, **kwargs: Any) -> Any:
        return page.formfield_for_dbfield(column, request, **kwargs)

    fields = [name for name in UNSET if name in taken_by(rule.kind)]
    form_class: Any = forms.modelform_factory(Rule, DraftForm, fields=fields, formfield_callback=field_of)
    form: DraftForm = form_class(request.POST if request.method == "POST" else None, instance=rule)
    label_limits(form.fields, rule)
    return form


def applied(page: Any, request: HttpRequest, rule: Rule, form: DraftForm) -> HttpResponse:
    """Makes the draft the rule's own limits, unless somebody has changed the rule since the page was opened."""
    try:
        with transaction.atomic():
            stored = Rule.objects.select_for_update(of=("self",)).get(pk=rule.pk)
            if request.POST.get("version") != str(stored.version):
                message = gettext("This rule was changed by somebody else meanwhile; nothing was applied.")
                raise PreconditionFailed(message)
            stored.change(by=caller(request), at=timezone.now(), **form.changes)
    except DomainError as error:
        refused: HttpResponse = page.refused(request, error)
        return refused
    page.message_user(request, gettext("The limits are in force from now on."))
    return HttpResponseRedirect(page_of(rule))


def series_of(rule: Rule, *, user: User) -> tuple[list[Series], bool]:
    """The series to choose from, the first of very many."""
    try:
        return watched_by(rule, user=user), False
    except RangeTooLarge:
        return watched_by(rule, user=user, most=MAX_SERIES), True


def config(rule: Rule, watched: list[Series], *, at: datetime) -> Data:
    """What the page's script works with."""
    return {
        "api": "/api/v1",
        "rule_id": str(rule.pk),
        "now": at,
        "patience": GAP_INTERVALS,
        "series": [
            {
                **series_json(series),
                "machine": str(series.equipment),
                "url": page_of(series.equipment),
                "zone": zone_for(series.equipment).key,
            }
            for series in watched
        ],
        "words": {**words(), **spoken()},
    }


def spoken() -> Data:
    """What the page says while it works. The script puts numbers in the place of {n}, {of} and the like."""
    return {
        "working": gettext("Trying series {n} of {of}…"),
        "done": gettext("Tried on {readings} readings of {n} series."),
        "none": gettext("The rule would not have raised an alert."),
        "held_back": {why.value: gettext("not told: %(why)s") % {"why": why.label} for why in Suppression},
        "failed": gettext("The server did not answer; nothing was tried."),
        "open": gettext("still open at the end"),
        "clock": gettext("Times are those of {zone}."),
        "order": gettext("The end must come after the beginning."),
    }
