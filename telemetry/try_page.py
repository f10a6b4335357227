"""A rule tried on the past: readings, what it would have done, other limits, and a click that makes them the rule's."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action

from faultreporter.accounts.authentication import caller
from faultreporter.accounts.models import User
from faultreporter.api.concurrency import row_version
from faultreporter.backoffice import page_of
from faultreporter.errors import PreconditionFailed, RangeTooLarge
from telemetry.backtest import MAX_SERIES, watched_by
from telemetry.drawing import Data, series_json, words, zone_for
from telemetry.models import Rule, Series
from telemetry.models.catalogue import GAP_INTERVALS

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
        "version": row_version(rule),
        "watched": watched,
        "is_cut": is_cut,
        "spans": [(label, int(span.total_seconds())) for label, span in SPANS],
        "config": config(rule, watched, at=timezone.now()),
        "media": page.media + form.media,
    }
    return TemplateResponse(request, "admin/telemetry/try.html", context)


def draft_form(page: Any, request: HttpRequest, rule: Rule) -> forms.ModelForm[Rule]:
    """The fields of the rule's limits, as its own page has them."""
    form_class = page.get_form(request, rule, change=True, fields=LIMITS)
    form: forms.ModelForm[Rule] = form_class(request.POST if request.method == "POST" else None, instance=rule)
    return form


def applied(page: Any, request: HttpRequest, rule: Rule, form: Any) -> HttpResponse:
    """Makes the draft the rule's own limits, unless somebody has changed the rule since the page was opened."""
    try:
        if request.POST.get("version") != row_version(Rule.objects.get(pk=rule.pk)):
            raise PreconditionFailed(gettext("This rule was changed by somebody else meanwhile; nothing was applied."))
        page.change_record(request, form.instance, list(form.changed_data))
    except PreconditionFailed as error:
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
        "failed": gettext("The server did not answer; nothing was tried."),
        "open": gettext("still open at the end"),
        "clock": gettext("Times are those of {zone}."),
        "order": gettext("The end must come after the beginning."),
    }
