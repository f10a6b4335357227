"""The page that a machine's public QR code opens: a form, without script and without signing in."""

from typing import Any

from csp.constants import NONE, SELF
from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from alerts import public
from alerts.serializers.public import LONGEST_DESCRIPTION
from equipment import labels
from faultreporter.api import ratelimit
from faultreporter.attachments.files import ROOM_FOR_HEADERS, too_large
from faultreporter.audit.context import acting
from faultreporter.audit.models import AuditLog
from faultreporter.errors import DomainError, RateLimited

PAGE_CSP = {"default-src": [NONE], "style-src": [SELF], "img-src": [SELF]}
SENT = "sent"


class ReportForm(forms.Form):
    """What a passer-by can say. The words beside the fields are theirs, not ours."""

    description = forms.CharField(
        label=_("What is wrong?"),
        max_length=LONGEST_DESCRIPTION,
        widget=forms.Textarea(attrs={"rows": 4}),
        error_messages={"required": _("Say in a few words what is wrong.")},
    )
    photo = forms.FileField(
        label=_("Photograph"),
        required=False,
        widget=forms.FileInput(attrs={"accept": "image/jpeg,image/png,image/webp,image/heic"}),
        error_messages={"empty": _("This photograph is empty; choose another one.")},
    )
    name = forms.CharField(
        label=_("Your name"), required=False, max_length=100, widget=forms.TextInput(attrs={"autocomplete": "name"})
    )
    contact = forms.CharField(
        label=_("Phone or e-mail, if we may ask back"), required=False, max_length=200,
        widget=forms.TextInput(attrs={"autocomplete": "email"}),
    )  # fmt: skip


@never_cache
@csrf_exempt  # nobody is signed in here: there is no authority that another site could borrow
@require_http_methods(["GET", "HEAD", "POST"])
def report_page(request: HttpRequest, token: str) -> HttpResponse:
    try:
        public.demand_enabled()
        answer = send(request, token) if request.method == "POST" else show(request, token)
    except DomainError as error:
        answer = refused(request, error)
    answer._csp_replace = PAGE_CSP  # type: ignore[attr-defined]
    answer["Referrer-Policy"] = "no-referrer"  # the address is the key
    answer["X-Robots-Tag"] = "noindex"
    return answer


def show(
    request: HttpRequest, token: str, form: ReportForm | None = None, problem: DomainError | None = None
) -> HttpResponse:
    """The form, with what was wrong with it, or the thanks after it was sent."""
    limit_looking(request)
    machine = labels.machine_of(token)
    context = {
        "machine": machine.equipment_name,
        "place": public.place_in_words(machine),
        "form": form or ReportForm(),
        "problem": problem and problem.message,
        "sent": SENT in request.GET and form is None,
        "again": request.path,
    }
    status = problem.http_status if problem else 400 if form else 200
    return render(request, "public/report.html", context, status=status)


def send(request: HttpRequest, token: str) -> HttpResponse:
    address = request.META.get("REMOTE_ADDR", "")
    refuse_oversized(request)
    form = ReportForm(request.POST, request.FILES)
    if not form.is_valid():
        return show(request, token, form)
    said: dict[str, Any] = form.cleaned_data
    try:
        with acting(by=None, source=AuditLog.Source.API, ip=address):
            public.report_publicly(token=token, address=address, at=timezone.now(), **said)
    except DomainError as error:
        if error.http_status in {404, 410}:
            raise
        return show(request, token, form, error)
    return HttpResponseRedirect(f"{request.path}?{SENT}=1", status=303)


def refuse_oversized(request: HttpRequest) -> None:
    """By the declared length, before a gigabyte is written to a temporary file."""
    declared = request.META.get("CONTENT_LENGTH") or "0"
    if declared.isdigit() and int(declared) > settings.MAX_UPLOAD_BYTES + ROOM_FOR_HEADERS:
        raise too_large()


def limit_looking(request: HttpRequest) -> None:
    """Looking counts with the address's other requests without a credential."""
    allowance = ratelimit.take(f"ip:{request.META.get('REMOTE_ADDR', '')}", settings.RATE_LIMIT_ANONYMOUS_PER_MINUTE)
    if not allowance.allowed:
        raise RateLimited(gettext("Please wait a minute, then try again."), retry_after=max(1, allowance.retry_after))


def refused(request: HttpRequest, error: DomainError) -> HttpResponse:
    """Why there is no form, in words."""
    answer = render(request, "public/refused.html", {"message": error.message}, status=error.http_status)
    if isinstance(error, RateLimited):
        answer["Retry-After"] = str(error.retry_after)
    return answer
