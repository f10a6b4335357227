"""What the board and the calendar have in common: who may open them, what is filtered, how a card is moved."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from equipment.models import Team
from faultreporter.accounts.models import User
from faultreporter.api.concurrency import row_version
from faultreporter.errors import DomainError, PreconditionFailed, ValidationFailed
from locations.models import Location
from workorders.models import WorkOrder

LARGEST_BODY = 2_000


class PlanningFilter(forms.Form):
    """Narrows both pages down. What isn't filled in, or names nothing, narrows nothing."""

    site = forms.ModelChoiceField(
        required=False, label=_("Site"), queryset=Location.objects.none(), widget=UnfoldAdminSelectWidget,
        empty_label=_("Every site"),
    )  # fmt: skip
    team = forms.ModelChoiceField(
        required=False, label=_("Team"), queryset=Team.objects.none(), widget=UnfoldAdminSelectWidget,
        empty_label=_("Every team"),
    )  # fmt: skip
    person = forms.ModelChoiceField(
        required=False, label=_("Person"), queryset=User.objects.none(), widget=UnfoldAdminSelectWidget,
        empty_label=_("Everybody"),
    )  # fmt: skip
    priority = forms.ChoiceField(
        required=False, label=_("Priority"), choices=[("", _("Every priority")), *WorkOrder.Priority.choices],
        widget=UnfoldAdminSelectWidget,
    )  # fmt: skip
    q = forms.CharField(
        required=False, max_length=100, label=_("Search"),
        widget=UnfoldAdminTextInputWidget(attrs={"placeholder": _("Number or title")}),
    )  # fmt: skip

    def __init__(self, data: Any, *, user: User) -> None:
        super().__init__(data)
        named: Any = self.fields
        named["site"].queryset = Location.objects.for_user(user).living().filter(kind="SITE").order_by("name")
        named["team"].queryset = Team.objects.for_user(user).living().select_related("site").order_by("name")
        named["person"].queryset = User.objects.active().filter(role__in=WorkOrder.ASSIGNEES).order_by("display_name")
        self.is_valid()

    def said(self, name: str) -> Any:
        return self.cleaned_data.get(name) or None

    def query(self) -> dict[str, str]:
        """The parameters that a link to the same view keeps."""
        return {name: self.data[name] for name in self.fields if self.said(name)}

    def rows(self, rows: Any) -> Any:
        if site := self.said("site"):
            rows = rows.in_location(site.pk)
        if team := self.said("team"):
            rows = rows.of_team(team, timezone.now())
        if person := self.said("person"):
            rows = rows.filter(assigned_to=person)
        if priority := self.said("priority"):
            rows = rows.filter(priority=priority)
        for word in (self.said("q") or "").split():
            rows = rows.in_words(word)
        return rows


class Elsewhere(Exception):
    """The move asks for something: `url` is the page that asks it."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.url = url


Deed = Callable[[HttpRequest, WorkOrder, str], str]


def moved(page: Any, request: HttpRequest, object_id: str, deed: Deed) -> HttpResponse:
    """Let `deed(request, order, to)` move the card, if the order is still as it was shown; answers as JSON.

    The order is locked meanwhile. After a refusal nothing has changed, and `message` says why.
    """
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    order = page.record(request, object_id)
    if order is None:
        raise Http404
    if not page.has_change_permission(request, order):
        raise PermissionDenied
    try:
        with transaction.atomic():
            said = body_of(request)
            order.lock()
            check_version(order, said["version"])
            return JsonResponse({"message": deed(request, order, said["to"])})
    except Elsewhere as asked:
        return JsonResponse({"form": asked.url})
    except DomainError as error:
        return JsonResponse({"message": error.message, "code": error.code}, status=error.http_status)


def body_of(request: HttpRequest) -> dict[str, str]:
    try:
        said = json.loads(request.body[:LARGEST_BODY])
        return {name: str(said[name]) for name in ("to", "version")}
    except (ValueError, TypeError, KeyError) as error:
        raise ValidationFailed(gettext("This is no move of a card.")) from error


def check_version(order: WorkOrder, version: str) -> None:
    if row_version(order) != version:
        raise PreconditionFailed(
            gettext("%(number)s was changed by somebody else meanwhile.") % {"number": order.number}
        )


def with_way_back(url: str, request: HttpRequest) -> str:
    """The page that asks what the move needs; it comes back to the one the card was moved on."""
    back = request.headers.get("X-Page", "")
    return f"{url}?{urlencode({'next': back})}" if back.startswith("/admin/") else url
