"""From an accepted answer to an alert or a work order: a form filled in by the answer, beside what it will do."""

from typing import Any, Final

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.forms import formset_factory
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from aiassist.drafts import Draft, severity_of, title_of
from aiassist.models import Analysis
from aiassist.reviews import draft_order, living_alert_of, make_alert, make_order, words_of
from faultreporter.accounts.authentication import caller
from faultreporter.backoffice import link_to
from faultreporter.errors import DomainError
from workorders.models import WorkOrder

MORE_TASKS: Final = 2


class AlertForm(forms.Form):
    label: Final = _("Open an alert")
    needs: Final = "alerts.add_alert"

    title = forms.CharField(label=_("Title"), max_length=200, widget=UnfoldAdminTextInputWidget)
    severity = forms.ChoiceField(label=_("Severity"), choices=Analysis.Severity.choices, widget=UnfoldAdminSelectWidget)
    description = forms.CharField(
        label=_("Description"), required=False, max_length=10_000, widget=UnfoldAdminTextareaWidget
    )
    equipment_down = forms.BooleanField(
        label=_("The machine is down"), required=False, widget=UnfoldBooleanSwitchWidget
    )

    def __init__(self, data: Any, *, analysis: Analysis) -> None:
        words = {"title": title_of(analysis), "severity": severity_of(analysis), "description": words_of(analysis)}
        super().__init__(data, initial=words)
        self.analysis = analysis

    def consequences(self) -> list[str]:
        machine = self.analysis.equipment
        return [
            gettext("An alert opens on %(machine)s. Whoever looks after the machine is told, as of every alert.")
            % {"machine": machine or "–"},
            gettext("An open alert of the same title counts it as one more occurrence instead."),
            *along(self.analysis),
        ]

    def make(self, request: HttpRequest) -> Model:
        alert, _is_new = make_alert(analysis=self.analysis, by=caller(request), at=timezone.now(), **self.cleaned_data)
        return alert


class TaskForm(forms.Form):
    title = forms.CharField(
        label=_("Task"), required=False, max_length=200, widget=UnfoldAdminTextInputWidget,
    )  # fmt: skip
    instructions = forms.CharField(
        label=_("Instructions"), required=False, max_length=2000, widget=UnfoldAdminTextareaWidget(attrs={"rows": 2})
    )


TaskForms: Any = formset_factory(TaskForm, extra=MORE_TASKS, max_num=100)


class OrderForm(forms.Form):
    label: Final = _("Raise a work order")
    needs: Final = "workorders.add_workorder"

    title = forms.CharField(label=_("Title"), max_length=200, widget=UnfoldAdminTextInputWidget)
    priority = forms.ChoiceField(
        label=_("Priority"), choices=WorkOrder.Priority.choices, widget=UnfoldAdminSelectWidget
    )
    estimated_minutes = forms.IntegerField(
        label=_("Estimated minutes"), required=False, min_value=1, max_value=100_000,
        widget=UnfoldAdminIntegerFieldWidget,
    )  # fmt: skip
    description = forms.CharField(
        label=_("Description"), required=False, max_length=10_000, widget=UnfoldAdminTextareaWidget
    )

    def __init__(self, data: Any, *, analysis: Analysis) -> None:
        self.draft: Draft = draft_order(analysis=analysis)
        super().__init__(data, initial=self.draft.fields())
        self.analysis = analysis
        self.tasks = TaskForms(data, initial=self.draft.task_lines(), prefix="tasks")
        if self.draft.experience.minutes:
            known = {"n": self.draft.experience.repairs_with_minutes}
            self.fields["estimated_minutes"].help_text = gettext("The median of %(n)d such repairs.") % known

    def is_valid(self) -> bool:
        return super().is_valid() and bool(self.tasks.is_valid())

    def consequences(self) -> list[str]:
        machine, alert = self.analysis.equipment, living_alert_of(self.analysis)
        first = (
            gettext("A work order is raised for the alert “%(alert)s” on %(machine)s.")
            if alert else gettext("A work order is raised on %(machine)s, without an alert.")
        )  # fmt: skip
        return [first % {"machine": machine or "–", "alert": alert and alert.title}, *along(self.analysis)]

    def make(self, request: HttpRequest) -> Model:
        tasks = [line for line in self.tasks.cleaned_data if line.get("title")]
        return make_order(
            analysis=self.analysis, by=caller(request), at=timezone.now(), tasks=tasks, **self.cleaned_data
        )


def along(analysis: Analysis) -> list[str]:
    """What happens whichever of the two is made."""
    photos = analysis.image_rows.count()
    lines = [gettext("The answer is accepted in your name, if nobody has judged it yet; who did is kept.")]
    if photos:
        lines.append(ngettext("The photo comes along.", "The %(n)d photos come along.", photos) % {"n": photos})
    return lines


def made(page: Any, request: HttpRequest, analysis: Analysis, form_class: type[AlertForm | OrderForm]) -> HttpResponse:
    """The form and, once it is sent, what comes of it; after a refusal nothing has changed, and it says why."""
    if not request.user.has_perm(form_class.needs):
        raise PermissionDenied
    back = reverse("admin:aiassist_analysis_judge", args=[analysis.pk])
    try:
        form = form_class(request.POST if request.method == "POST" else None, analysis=analysis)
    except DomainError as error:  # such an answer can't become anything
        page.message_user(request, error.message, messages.ERROR)
        return HttpResponseRedirect(back)
    if form.is_valid() and (record := result_of(form, request)):
        words = gettext("Done: %(what)s.") % {"what": form.label}
        page.message_user(request, format_html("{} {}", words, link_to(record)))
        return HttpResponseRedirect(back)
    context = {
        **page.admin_site.each_context(request),
        "title": form.label,
        "content_title": form.label,
        "original": analysis,
        "form": form,
        "consequences": form.consequences(),
        "back": back,
        "media": page.media + form.media,
    }
    return TemplateResponse(request, "admin/aiassist/make.html", context)


def result_of(form: AlertForm | OrderForm, request: HttpRequest) -> Model | None:
    """The alert or the order; None after a refusal, which stands beside the field it is about."""
    try:
        return form.make(request)
    except DomainError as error:
        fields = [detail.field for detail in error.details if detail.field in form.fields]
        form.add_error(fields[0] if fields else None, error.message)
        return None
