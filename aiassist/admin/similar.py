"""The tab of an alert's page that says what it was the last times."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import localize
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from aiassist.similar import PastFault, SimilarFault, likely_mode, similar_faults
from alerts.models import Alert
from faultreporter.accounts.authentication import caller
from faultreporter.backoffice import ReadOnlyFormSet, ReadOnlyInline, add_tabs
from workorders.models import WorkOrder


class SimilarFormSet(ReadOnlyFormSet):
    """Its rows aren't the alert's own: they are looked up by similarity."""

    def table(self) -> dict[str, Any]:
        mode_id = Alert.objects.filter(pk=self.instance.pk).values_list(likely_mode()).get()[0]
        found = similar_faults(self.instance, mode_id=mode_id, user=self.inline.user, at=timezone.now())
        headers = (_("fault"), _("why"), _("what was found"), _("work order"), _("hours"), _("downtime"))
        return {"headers": headers, "rows": [row(one) for one in found]}


class SimilarInline(ReadOnlyInline):
    """Past faults like this one."""

    model = WorkOrder
    fk_name = "alert"
    formset = SimilarFormSet
    fields = ()
    verbose_name_plural = _("Similar past faults")

    def get_queryset(self, request: HttpRequest) -> Any:
        self.user = caller(request)
        return super().get_queryset(request).none()


def row(one: SimilarFault) -> list[Any]:
    past = one.fault
    return [
        format_html("{}<br>{}", page_link("alerts_alert", past.alert_id, past.title), past.machine),
        format_html(
            "{}<br>{}", gettext("%(score)d of 100") % {"score": one.score}, ", ".join(r.text for r in one.reasons)
        ),
        what_was_found(past),
        page_link("workorders_workorder", past.order_id, past.number),
        hours(past.labour_hours),
        hours(past.downtime_hours),
    ]


def what_was_found(past: PastFault) -> str:
    said = (past.mode_name, past.cause, past.remedy or past.done)
    return " · ".join(text for text in said if text) or str(Alert.Resolution(past.resolution).label)


def hours(number: float | None) -> str:
    return "–" if number is None else gettext("%(hours)s h") % {"hours": localize(round(number, 1))}


def page_link(name: str, key: Any, text: str | None) -> SafeString | str:
    if key is None:
        return text or "–"
    url = reverse(f"admin:{name}_change", args=[key])
    return format_html('<a class="text-primary-600 dark:text-primary-500" href="{}">{}</a>', url, text)


add_tabs(Alert, SimilarInline)
