"""The signed-in person's own pages in the back office: their inbox, and how they want to be reached."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from faultreporter.accounts.authentication import caller
from faultreporter.accounts.models import User
from faultreporter.errors import DomainError
from faultreporter.notifications.models import Notification, NotificationPreferences, Severity
from faultreporter.notifications.wording import page_path

PER_PAGE = 50
KINDS = Notification.Kind.choices


class Clock(UnfoldAdminTextInputWidget):
    input_type = "time"


class PreferencesForm(forms.Form):
    """A person thinks of what they want; the record keeps what they don't."""

    push_for = forms.MultipleChoiceField(
        label=_("Push"), choices=KINDS, required=False, widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=_("What rings your phone."),
    )  # fmt: skip
    push_minimum = forms.ChoiceField(
        label=_("Push from severity"), choices=Severity.choices, widget=UnfoldAdminSelectWidget
    )
    email_for = forms.MultipleChoiceField(
        label=_("E-mail"), choices=KINDS, required=False, widget=UnfoldAdminCheckboxSelectMultipleWidget,
        help_text=_("What an e-mail is sent for when no push reached you."),
    )  # fmt: skip
    email_minimum = forms.ChoiceField(
        label=_("E-mail from severity"), choices=Severity.choices, widget=UnfoldAdminSelectWidget
    )
    quiet_from = forms.TimeField(label=_("Quiet from"), required=False, widget=Clock())
    quiet_to = forms.TimeField(
        label=_("Quiet until"), required=False, widget=Clock(),
        help_text=_("In your own time zone. Only what is critical rings in these hours. Empty: never quiet."),
    )  # fmt: skip
    digest = forms.ChoiceField(
        label=_("Digest"), choices=NotificationPreferences.Digest.choices, widget=UnfoldAdminSelectWidget,
        help_text=_("One e-mail a day with what is unread and was sent in no other way."),
    )  # fmt: skip
    digest_hour = forms.IntegerField(
        label=_("Hour of the digest"), min_value=0, max_value=23, widget=UnfoldAdminIntegerFieldWidget
    )

    @classmethod
    def about(cls, mine: NotificationPreferences, data: Any = None) -> "PreferencesForm":
        """Filled in with what holds now."""
        plain = ("push_minimum", "email_minimum", "digest", "digest_hour")
        clocks = {name: (clock := getattr(mine, name)) and f"{clock:%H:%M}" for name in ("quiet_from", "quiet_to")}
        wanted = {
            f"{way}_for": [kind for kind, _label in KINDS if kind not in getattr(mine, f"{way}_off")]
            for way in ("push", "email")
        }
        return cls(data, initial={**{name: getattr(mine, name) for name in plain}, **clocks, **wanted})

    def save(self, user: User) -> bool:
        """False after a refusal, which stands beside its field."""
        said = dict(self.cleaned_data)
        for way in ("push", "email"):
            wanted = said.pop(f"{way}_for")
            said[f"{way}_off"] = [kind for kind, _label in KINDS if kind not in wanted]
        try:
            NotificationPreferences.change(user, **said)
        except DomainError as error:
            self.add_error(error.details[0].field if error.details else None, error.message)
            return False
        return True


def own_pages(site: AdminSite) -> list[URLPattern]:
    """For everybody who may enter the back office, whatever else they may look at."""

    def page(view: Callable[[HttpRequest, AdminSite], HttpResponse]) -> Any:
        return site.admin_view(lambda request: view(request, site))

    return [
        path("mine/", page(inbox), name="notifications_inbox"),
        path("mine/preferences/", page(preferences), name="notifications_preferences"),
    ]


def inbox(request: HttpRequest, site: AdminSite) -> HttpResponse:
    mine = Notification.objects.for_user(caller(request))
    if request.method == "POST":
        return HttpResponseRedirect(mark(request, mine))
    lines = Paginator(mine.order_by("-created_at", "-id"), PER_PAGE).get_page(request.GET.get("p"))
    context = {**site.each_context(request), "title": _("My inbox"), "lines": lines, "unread": mine.unread().count()}
    return TemplateResponse(request, "admin/notifications/inbox.html", context)


def mark(request: HttpRequest, mine: Any) -> str:
    """Everything is read, or one line, whose page comes next."""
    if "all" in request.POST:
        mine.mark_read(timezone.now())
        return reverse("admin:notifications_inbox")
    try:
        line = mine.get(pk=request.POST.get("open"))
    except (Notification.DoesNotExist, ValidationError):
        return reverse("admin:notifications_inbox")
    line.mark_read(by=caller(request), at=timezone.now())
    return page_path(line) or reverse("admin:notifications_inbox")


def preferences(request: HttpRequest, site: AdminSite) -> HttpResponse:
    user = caller(request)
    mine = NotificationPreferences.of(user)
    form = PreferencesForm.about(mine, request.POST if request.method == "POST" else None)
    if form.is_valid() and form.save(user):
        messages.success(request, gettext("Saved."))
        return HttpResponseRedirect(reverse("admin:notifications_preferences"))
    context = {
        **site.each_context(request),
        "title": _("My notification settings"),
        "form": form,
        "media": form.media,
        "time_zone": user.time_zone,
    }
    return TemplateResponse(request, "admin/notifications/preferences.html", context)
