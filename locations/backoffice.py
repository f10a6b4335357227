"""The admin base of places and machines: the models' own methods, and actions that ask first."""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.decorators import action

from faultreporter.accounts.authentication import caller
from faultreporter.accounts.models import User
from faultreporter.backoffice import ModelAdmin, page_of, say_zone
from locations.models import Location


class RecordAdmin(ModelAdmin):
    """`register()` and `change()` of the model do the writing."""

    actions: Sequence[str] = ("restore",)

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> Any:
        """What a picker on another page offers: never a deleted record."""
        picking = request.path.endswith("/autocomplete/")
        rows: Any = queryset.filter(deleted_at=None) if picking else queryset
        return super().get_search_results(request, rows, search_term)

    def create_record(self, request: HttpRequest, record: Any) -> None:
        record.register(by=caller(request))

    def change_record(self, request: HttpRequest, record: Any, changed: list[str]) -> None:
        stored = type(record)._default_manager.get(pk=record.pk)
        stored.change(by=caller(request), **self.changes(record, changed))

    @staticmethod
    def changes(record: Any, changed: list[str]) -> dict[str, Any]:
        return {name: getattr(record, name) for name in changed}

    @admin.action(description=_("Restore selected deleted records"), permissions=["change"])
    def restore(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        records = list(queryset)
        for record in records:
            record.restore(by=caller(request), at=timezone.now())
        tell_count(self, request, len(records))


class SiteFilter(admin.SimpleListFilter):
    """What stands on one site. `path` leads from the listed record to its location; a location has none."""

    title = _("site")
    parameter_name = "site"
    path = "location"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        sites = Location.objects.for_user(caller(request)).living().filter(kind=Location.Kind.SITE)
        return [(str(pk), name) for pk, name in sites.order_by("name").values_list("pk", "name")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        site = self.value()
        if site is None:
            return queryset
        if site not in dict(self.lookup_choices):
            return queryset.none()
        itself, below = (self.path, f"{self.path}__site") if self.path else ("pk", "site")
        return queryset.filter(Q(**{itself: site}) | Q(**{below: site}))


class ActionForm(forms.Form):
    """What an action asks before it acts; `user` is who asks for it."""

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        for field in self.fields.values():
            say_zone(field)


Deed = Callable[[Any, HttpRequest, Any, dict[str, Any]], None]
Action = Callable[[Any, HttpRequest, QuerySet[Any]], HttpResponse | None]


def confirmed(form_class: type[ActionForm], description: Any, permission: str = "change") -> Callable[[Deed], Action]:
    """Make a method `(self, request, record, data)` an action that shows the form, then acts on all records or none."""

    def decorate(deed: Deed) -> Action:
        @admin.action(description=description, permissions=[permission])
        @wraps(deed)
        def act(self: Any, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
            form = form_class(request.POST if "confirmed" in request.POST else None, user=caller(request))
            if not form.is_valid():
                return ask(self, request, list(queryset), form, action=deed.__name__, title=description)
            records = list(queryset)
            for record in records:
                deed(self, request, record, form.cleaned_data)
            tell_count(self, request, len(records))
            return HttpResponseRedirect(page_of(records[0])) if len(records) == 1 else None

        act.form_class = form_class  # type: ignore[attr-defined]  # for the button that opens the same form
        return act

    return decorate


def button(act: Any) -> Any:
    """A list's action as a button on the record's page: it opens the form, which is sent to the list."""

    name, permissions = act.__name__.replace("_", "-"), act.allowed_permissions

    @action(description=act.short_description, url_path=name, permissions=permissions)
    def open_form(self: Any, request: HttpRequest, object_id: str) -> HttpResponse:
        record = self.record(request, object_id)
        if record is None:
            raise Http404
        form = act.form_class(user=caller(request))
        return ask(self, request, [record], form, action=act.__name__, title=act.short_description)

    open_form.__name__ = f"{act.__name__}_button"
    return open_form


def ask(
    page: ModelAdmin, request: HttpRequest, rows: Sequence[Any], form: ActionForm, *, action: str, title: Any
) -> TemplateResponse:
    single = rows[0] if len(rows) == 1 else None
    context = {
        **page.admin_site.each_context(request),
        "opts": page.opts,
        "title": title,
        "original": single,
        "back": page_of(single) if single else "",
        "records": rows,
        "form": form,
        "action": action,
        "list": reverse(f"admin:{page.opts.app_label}_{page.opts.model_name}_changelist"),
        "checkbox": ACTION_CHECKBOX_NAME,
        "media": page.media + form.media,
    }
    return TemplateResponse(request, "locations/confirm_action.html", context)


def tell_count(page: ModelAdmin, request: HttpRequest, count: int) -> None:
    message = ngettext("%(count)d record was changed.", "%(count)d records were changed.", count)
    page.message_user(request, message % {"count": count})
