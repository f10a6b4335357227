"""Back-office pages of records that move: a button for each move possible now, and a page that asks what it needs."""

from collections.abc import Callable, Iterable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.html import format_html_join
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action
from unfold.widgets import UnfoldAdminTextareaWidget

from alerts.models.timeline import PRIVATE, TimelineEvent
from faultreporter.accounts.authentication import caller
from faultreporter.accounts.models import User
from faultreporter.attachments.admin import thumbnail_tag
from faultreporter.attachments.models import Attachment
from faultreporter.backoffice import ReadOnlyInline, link_to, page_of
from faultreporter.errors import DomainError
from locations.backoffice import RecordAdmin


class MoveForm(forms.Form):
    """What a move asks for. The cleaned fields are the keywords of the model's method."""

    def __init__(self, *args: Any, record: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.record = record
        self.user = user

    def said(self) -> dict[str, Any]:
        """What was filled in."""
        return {name: value for name, value in self.cleaned_data.items() if value not in (None, "")}


class NoteForm(MoveForm):
    note = forms.CharField(label=_("Note"), required=False, max_length=10_000, widget=UnfoldAdminTextareaWidget)


class ReasonForm(MoveForm):
    reason = forms.CharField(label=_("Reason"), max_length=10_000, widget=UnfoldAdminTextareaWidget)


Deed = Callable[..., Any]


def move(name: str, label: Promise, form_class: type[MoveForm] = MoveForm, deed: Deed | None = None) -> Any:
    """A button on the record's page. It calls the model's method of that name.

    Or `deed(record, by=, at=, **said)`, which returns the record whose page comes next.
    """

    @action(description=label, url_path=name.replace("_", "-"), permissions=["change"])
    def ask_and_do(self: Any, request: HttpRequest, object_id: str) -> HttpResponse:
        return self.ask_and_do(request, object_id, label=label, form_class=form_class, deed=deed or name)  # type: ignore[no-any-return]

    ask_and_do.__name__ = name
    return ask_and_do


def way_back(request: HttpRequest) -> str:
    """Where the person came from, if the address says it: a board, a calendar. Only pages of our own."""
    url = request.GET.get("next", "")
    return url if url_has_allowed_host_and_scheme(url, allowed_hosts=None) else ""


class MovingAdmin(RecordAdmin):
    """`actions_detail` names the moves; those the record doesn't allow now have no button."""

    def offered(self, record: Any) -> Iterable[str]:
        """The moves that have a button."""
        return [allowed["action"] for allowed in record.allowed_transitions()]

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        record = self.record(request, str(object_id))
        offered = set(self.offered(record)) if record else set()
        return [act for act in super().get_actions_detail(request, object_id) if act.path.replace("-", "_") in offered]

    def ask_and_do(
        self, request: HttpRequest, object_id: str, *, label: Promise, form_class: type[MoveForm], deed: Deed | str
    ) -> HttpResponse:
        record = self.record(request, object_id)
        if record is None:
            raise Http404
        if not self.has_change_permission(request, record):
            raise PermissionDenied
        form = form_class(request.POST if request.method == "POST" else None, record=record, user=caller(request))
        if form.is_valid() and (result := self.done(request, record, form, deed)):
            self.message_user(request, gettext("Done: %(move)s.") % {"move": label}, messages.SUCCESS)
            return HttpResponseRedirect(way_back(request) or page_of(result))
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": label,
            "button": label,
            "original": record,
            "form": form,
            "media": self.media + form.media,
            "back": way_back(request) or page_of(record),
        }
        return TemplateResponse(request, "admin/alerts/move.html", context)

    @staticmethod
    def done(request: HttpRequest, record: Any, form: MoveForm, deed: Deed | str) -> Any:
        """The record to look at next; None after a refusal, which is shown beside the field it is about."""
        said = {**form.said(), "by": caller(request), "at": timezone.now()}
        try:
            with transaction.atomic():
                if not isinstance(deed, str):
                    return deed(record, **said)
                getattr(record, deed)(**said)
                return record
        except DomainError as error:
            fields = [detail.field for detail in error.details if detail.field in form.fields]
            form.add_error(fields[0] if fields else None, error.message)
            return None

    def change_record(self, request: HttpRequest, record: Any, changed: list[str]) -> None:
        stored = type(record)._default_manager.get(pk=record.pk)
        stored.change(by=caller(request), at=timezone.now(), **self.changes(record, changed))

    @staticmethod
    def become(record: Any, stored: Any) -> None:
        """Lets the form's unsaved record go on as the one that the domain call has stored."""
        record.pk = stored.pk
        record._state.adding = False
        record.refresh_from_db()


class TimelineInline(ReadOnlyInline):
    """What happened to the record, newest first."""

    fields = readonly_fields = ("at", "kind", "who", "note")
    ordering = ("-at", "-id")
    per_page = 50

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("by")

    @admin.display(description=_("by"))
    def who(self, event: TimelineEvent) -> SafeString | str:
        """The person, or what somebody without an account said of themselves."""
        stranger = event.data.get(PRIVATE, {})
        return link_to(event.by) if event.by else ", ".join(stranger.values()) or "–"


def pictures(files: Iterable[Attachment]) -> SafeString | str:
    """Links to the files, photographs as small pictures."""
    return format_html_join(" ", "{}", ((thumbnail_tag(file, edge=160),) for file in files)) or "–"
