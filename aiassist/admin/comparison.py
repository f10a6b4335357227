"""Two ways of asking side by side: how often each is right, with what that can be known by, and what it costs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext, ngettext_lazy
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget

from aiassist.accuracy import Accuracy, Share, wilson
from aiassist.admin.findings import Data
from aiassist.admin.money import grouped, usd
from aiassist.models import Analysis
from aiassist.outcomes import measure
from aiassist.providers import registry
from faultreporter.accounts.authentication import caller

PERIODS: Final = [(str(days), ngettext_lazy("%d day", "%d days", days) % days) for days in (90, 30, 365)]
ENOUGH: Final = 20
"""Below so many cases of either, a share of ours is no ground for choosing a provider."""

# The figure, what it is of, and whether more of it is better (True), worse (False) or neither.
FIGURES: Final[tuple[tuple[str, Any, Any, bool | None], ...]] = (
    ("precision", _("Precision"), _("Of the answers that name a failure mode, how many were right."), True),
    ("recall", _("Recall"), _("Of the machines that had a fault, how many were seen for what it was."), True),
    ("top_3", _("Among the first three"), _("The fault was one of the first three that were named."), True),
    ("abstained", _("Abstention"), _("Answers that name no failure mode."), None),
    ("needs_review", _("Sent for review"), _("Answers that a person should look at first."), None),
    ("rejected", _("Rejection"), _("Of the judged answers, how many a person rejected."), False),
)


@dataclass(frozen=True, slots=True)
class Whisker:
    """A bar to `share` with what it may truly be, in percent of the width; `words` say the same."""

    share: str
    low: str
    high: str
    words: str


class ComparisonForm(forms.Form):
    days = forms.ChoiceField(required=False, label=_("Questions of"), choices=PERIODS, widget=UnfoldAdminSelectWidget)
    a = forms.ChoiceField(required=False, label="A", widget=UnfoldAdminSelectWidget)
    b = forms.ChoiceField(required=False, label="B", widget=UnfoldAdminSelectWidget)


class ComparisonPages:
    """Mixed into the admin of analyses."""

    def get_urls(self) -> list[Any]:
        page: Any = self
        view = page.admin_site.admin_view(self.comparison)
        return [path("comparison/", view, name="aiassist_analysis_comparison"), *super().get_urls()]  # type: ignore[misc]

    def comparison(self, request: HttpRequest) -> HttpResponse:
        page: Any = self
        if not page.has_view_permission(request):
            raise PermissionDenied
        at, known = timezone.now(), dict(PERIODS)
        days = request.GET.get("days", "") if request.GET.get("days") in known else PERIODS[0][0]
        mine = Analysis.objects.for_user(caller(request))
        found = measure(mine.faults(start=at - timedelta(days=int(days)), end=at))
        a, b = chosen([one for one in found if one.answers], request.GET.get("a", ""), request.GET.get("b", ""))
        form = ComparisonForm(initial={"days": days, "a": a and key_of(a), "b": b and key_of(b)})
        for name in ("a", "b"):
            field: Any = form.fields[name]
            field.choices = [(key_of(one), name_of(one)) for one in found if one.answers]
        context = {
            **page.admin_site.each_context(request),
            "title": _("AI comparison"),
            "content_title": _("AI comparison"),
            "form": form,
            "names": [one and name_of(one) for one in (a, b)],
            "rows": rows_of(a, b) if a and b else [],
            "has_one": a is not None,
        }
        return TemplateResponse(request, "admin/aiassist/comparison.html", context)


def chosen(found: Sequence[Accuracy], a: str, b: str) -> tuple[Accuracy | None, Accuracy | None]:
    """Those that are named, else the two with the most answers."""
    by_key = {key_of(one): one for one in sorted(found, key=lambda one: -one.answers)}
    first = by_key.get(a) or next(iter(by_key.values()), None)
    others = [one for one in by_key.values() if one is not first]
    named = by_key.get(b)
    return first, named if named is not None and named is not first else next(iter(others), None)


def key_of(one: Accuracy) -> str:
    return "|".join((one.source.provider, one.source.model_name, one.source.prompt_version))


def name_of(one: Accuracy) -> str:
    source = one.source
    return (
        f"{registry.label(source.provider)} {source.model_name} · {source.prompt_version} (n = {grouped(one.answers)})"
    )


def rows_of(a: Accuracy, b: Accuracy) -> list[Data]:
    rows = [
        {
            "label": label,
            "note": note,
            "whiskers": [whisker(getattr(one, name)) for one in (a, b)],
            "verdict": verdict(getattr(a, name), getattr(b, name), more_is_better),
        }
        for name, label, note, more_is_better in FIGURES
    ]
    return [*rows, cost_row(a, b)]


def whisker(share: Share) -> Whisker | None:
    if share.share is None or share.low is None or share.high is None:
        return None
    words = gettext("%(share)s (%(low)s to %(high)s), %(hits)s of %(n)s")
    about = {"share": f"{share.share:.0%}", "low": f"{share.low:.0%}", "high": f"{share.high:.0%}"}
    counted = {"hits": grouped(share.hits), "n": grouped(share.n)}
    return Whisker(f"{share.share:.2%}", f"{share.low:.2%}", f"{share.high:.2%}", words % {**about, **counted})


def verdict(a: Share, b: Share, more_is_better: bool | None) -> str:
    if not (a.n and b.n):
        return gettext("Nothing to compare yet.")
    if min(a.n, b.n) < ENOUGH:
        return gettext("Too few to tell.")
    low, high = difference(a, b)
    if low <= 0 <= high:
        return gettext("No difference that couldn't be chance.")
    more = "A" if low > 0 else "B"
    if more_is_better is None:
        return gettext("%(which)s does it more often.") % {"which": more}
    return gettext("%(which)s is better.") % {"which": more if more_is_better else "AB".replace(more, "")}


def difference(a: Share, b: Share) -> tuple[float, float]:
    """What a's true share may be above b's, with 95 % confidence.

    Newcombe's tenth method, of the two Wilson intervals (Interval estimation for the difference between independent
    proportions, Statistics in Medicine 17, 1998).
    """
    share_a, share_b = a.hits / a.n, b.hits / b.n
    (low_a, high_a), (low_b, high_b) = wilson(a.hits, a.n), wilson(b.hits, b.n)
    apart = share_a - share_b
    return apart - math.hypot(share_a - low_a, high_b - share_b), apart + math.hypot(high_a - share_a, share_b - low_b)


def cost_row(a: Accuracy, b: Accuracy) -> Data:
    """Its interval is that of the share of right answers; nothing but the ledger is uncertain of the rest."""
    ranges = [cost_range(one) for one in (a, b)]
    top = max((high for low, middle, high in ranges if high), default=0.0)
    known = [middle for _low, middle, _high in ranges if middle is not None]
    few = min(a.right.n, b.right.n) < ENOUGH
    return {
        "label": _("Cost of a right answer"),
        "note": _("All calls, the failed ones too, for each answer that was right."),
        "whiskers": [cost_whisker(one, each, top) for one, each in zip((a, b), ranges, strict=True)],
        "verdict": (
            gettext("Nothing to compare yet.") if len(known) < 2
            else gettext("Too few to tell.") if few
            else cheaper(*ranges)
        ),
    }  # fmt: skip


Range = tuple[float | None, float | None, float | None]


def cost_range(one: Accuracy) -> Range:
    """Micro-USD of a right answer: at best, as measured, at worst; the worst is None where none may be right."""
    cost, right = one.cost_per_answer_micro_usd, one.right
    if cost is None or not right.share or right.high is None:
        return None, None, None
    return cost / right.high, cost / right.share, cost / right.low if right.low else None


def cost_whisker(one: Accuracy, each: Range, top: float) -> Whisker | None:
    low, middle, high = each
    if low is None or middle is None or not top:
        return None
    facts = {"cost": usd(round(middle)), "low": usd(round(low)), "high": usd(round(high)) if high else "…"}
    counted = {"hits": grouped(one.right.hits), "n": grouped(one.right.n)}
    words = gettext("%(cost)s (%(low)s to %(high)s), %(hits)s right of %(n)s") % {**facts, **counted}
    shares = [f"{min(1.0, edge / top):.2%}" for edge in (middle, low, high or top)]
    return Whisker(share=shares[0], low=shares[1], high=shares[2], words=words)


def cheaper(a: Range, b: Range) -> str:
    """In words, where not even the intervals meet."""
    for which, one, other in (("A", a, b), ("B", b, a)):
        if one[2] is not None and other[0] is not None and one[2] < other[0]:
            return gettext("%(which)s is cheaper.") % {"which": which}
    return gettext("No difference that couldn't be chance.")
