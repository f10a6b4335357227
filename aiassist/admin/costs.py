"""What the assistant costs: by day and model, today's part of the budget, who asks how often, who can be asked."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path
from django.utils import timezone
from django.utils.formats import date_format, time_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from aiassist.admin.charts import Chart, stacked
from aiassist.admin.findings import Data
from aiassist.admin.money import MICRO, grouped, usd
from aiassist.breaker import FAILED, RECENT, State
from aiassist.budget import micro_usd, spent_micro_usd, start_of_day
from aiassist.costs import DayOfModel, costs_by_day
from aiassist.health import ProviderState, provider_states
from aiassist.models import Analysis, AnalysisAttempt
from aiassist.providers import registry
from faultreporter.backoffice import badge

PERIODS: Final = (30, 90)
MOST_PEOPLE: Final = 10


class CostPages:
    """Mixed into the admin of analyses."""

    def get_urls(self) -> list[Any]:
        page: Any = self
        view = page.admin_site.admin_view(self.costs)
        return [path("costs/", view, name="aiassist_analysis_costs"), *super().get_urls()]  # type: ignore[misc]

    def costs(self, request: HttpRequest) -> HttpResponse:
        page: Any = self
        if not page.has_view_permission(request):
            raise PermissionDenied
        at = timezone.now()
        days = 90 if request.GET.get("days") == "90" else 30
        context = {
            **page.admin_site.each_context(request),
            "title": _("AI costs"),
            "content_title": _("AI costs"),
            "days": days,
            "periods": PERIODS,
            **ledger(days, at=at),
            "today": spending(at=at),
            "people": askers(at=at),
            "quota": settings.AI_DAILY_QUOTA_PER_USER,
            "states": standing(provider_states(at=at), at=at),
            "keys": [f"{name}_API_KEY" for name in registry.declared()],
        }
        return TemplateResponse(request, "admin/aiassist/costs.html", context)


def ledger(days: int, *, at: datetime) -> Data:
    """The last days up to today, in UTC as the budget has them, whatever the person's clock says."""
    start = start_of_day(at) - timedelta(days=days - 1)
    with timezone.override(UTC):
        rows = costs_by_day(start=start, end=at)
    paid = [row for row in rows if row.provider != registry.RULEBOOK]
    asked = {row.provider for row in paid}
    names = [*(name for name in registry.declared() if name in asked), *sorted(asked - set(registry.declared()))]
    dates = [start.date() + timedelta(days=number) for number in range(days)]
    return {
        "chart": chart_of(paid, names, dates) if paid else None,
        "legend": [(number, registry.label(name)) for number, name in enumerate(names)],
        "budget_usd": usd(micro_usd(settings.AI_DAILY_BUDGET_USD)),
        "models": models_of(rows),
        "total": usd(sum(row.cost_micro_usd or 0 for row in rows)),
        "table": day_table(paid, names, dates),
        "unknown": unknown_calls(rows),
    }


def cost_of(rows: Iterable[DayOfModel]) -> dict[tuple[date, str], int]:
    costs: dict[tuple[date, str], int] = defaultdict(int)
    for row in rows:
        costs[row.day, row.provider] += row.cost_micro_usd or 0
    return costs


def chart_of(rows: Sequence[DayOfModel], names: Sequence[str], dates: Sequence[date]) -> Chart:
    costs = cost_of(rows)
    columns = [[costs.get((day, name), 0) / MICRO for name in names] for day in dates]
    titles = [
        f"{date_format(day, 'j M')}: {usd(round(sum(each) * MICRO))}" for day, each in zip(dates, columns, strict=True)
    ]
    labels = [date_format(day, "j M") for day in dates]
    return stacked(columns, labels=labels, titles=titles, limit=settings.AI_DAILY_BUDGET_USD)


def day_table(rows: Sequence[DayOfModel], names: Sequence[str], dates: Sequence[date]) -> list[tuple[str, list[str]]]:
    """The chart's numbers, the latest day first; days without a call aren't in it."""
    costs, called = cost_of(rows), {row.day for row in rows}
    return [
        (date_format(day, "j M Y"), [usd(costs.get((day, name), 0)) for name in names])
        for day in reversed(dates)
        if day in called
    ]


def models_of(rows: Iterable[DayOfModel]) -> list[Data]:
    """Each model's sums, the dearest first."""
    of_model: dict[tuple[str, str], list[DayOfModel]] = defaultdict(list)
    for row in rows:
        of_model[row.provider, row.model_name].append(row)
    sums = [
        {
            "provider": registry.label(provider),
            "model": model,
            **{name: sum(getattr(day, name) for day in days) for name in COUNTED},
            "calls_without_cost": unknown_calls(days),
            "micro": sum(day.cost_micro_usd or 0 for day in days),
        }
        for (provider, model), days in of_model.items()
    ]
    sums.sort(key=lambda one: (-one["micro"], one["model"]))
    return [{**one, **{name: grouped(one[name]) for name in COUNTED}, "cost": cost_in_words(one)} for one in sums]


def unknown_calls(rows: Iterable[DayOfModel]) -> int:
    """The rule book's cost is known without a price: it has none."""
    return sum(row.calls_without_cost for row in rows if row.provider != registry.RULEBOOK)


COUNTED: Final = ("calls", "reused", "calls_without_cost", "input_tokens", "cached_tokens", "output_tokens")


def cost_in_words(one: Data) -> str:
    """Of calls whose price nobody knows the sum says nothing."""
    return "–" if one["calls"] and one["calls"] == one["calls_without_cost"] else usd(one["micro"])


def spending(*, at: datetime) -> Data:
    spent, budget = spent_micro_usd(at=at), micro_usd(settings.AI_DAILY_BUDGET_USD)
    return {
        "spent": usd(spent),
        "budget": usd(budget),
        "share": f"{min(1.0, spent / budget if budget else 1.0):.3f}",
        "is_spent": spent >= budget,
        "resets_at": start_of_day(at) + timedelta(days=1),
    }


def askers(*, at: datetime) -> list[Data]:
    """Who has asked most today, of what the quota counts."""
    today = Analysis.objects.filter(created_at__gte=start_of_day(at)).exclude(requested_provider=registry.RULEBOOK)
    counted = today.exclude(requested_by=None).order_by().values(
        "requested_by", "requested_by__display_name", "requested_by__email"
    )  # fmt: skip
    return [
        {
            "id": row["requested_by"],
            "name": row["requested_by__display_name"] or row["requested_by__email"],
            "asked": row["asked"],
            "is_at_limit": row["asked"] >= settings.AI_DAILY_QUOTA_PER_USER,
        }
        for row in counted.annotate(asked=Count("pk")).order_by("-asked", "requested_by")[:MOST_PEOPLE]
    ]


def standing(states: Iterable[ProviderState], *, at: datetime) -> list[Data]:
    """Each provider, whether it is asked just now, and why not."""
    recent = AnalysisAttempt.objects.filter(outcome__in=FAILED, started_at__gte=at - RECENT)
    failures = recent.order_by("provider", "-started_at").distinct("provider")
    reasons = {call.provider: call.error_message or call.error_code for call in failures}
    return [
        {
            "label": state.label,
            "model": state.model_name,
            "badge": state_badge(state),
            "words": state_in_words(state, reasons.get(state.name, "")),
            "warning": state.warning,
        }
        for state in states
    ]


def state_badge(state: ProviderState) -> str:
    if not state.configured:
        return badge(_("No key"), "")
    words = {
        State.CLOSED: (_("Asked"), "success"),
        State.OPEN: (_("Left alone"), "danger"),
        State.HALF_OPEN: (_("On trial"), "warning"),
    }
    return badge(*words[state.breaker])


def state_in_words(state: ProviderState, reason: str) -> str:
    if state.name == registry.RULEBOOK:
        return gettext("Always there, costs nothing, and looks at no photo.")
    if not state.configured:
        return gettext("Set %(key)s to have it asked.") % {"key": f"{state.name}_API_KEY"}
    if state.breaker is State.CLOSED:
        return gettext("Its last calls went well, or there was none in ten minutes.")
    last = gettext("The last failure: %(reason)s") % {"reason": reason} if reason else ""
    if state.breaker is State.HALF_OPEN:
        return f"{gettext('It failed again and again; one call tries whether it is back.')} {last}"
    until = time_format(timezone.localtime(state.retry_at), "H:i:s") if state.retry_at else "–"
    words = gettext("It failed again and again, or asked for a pause; it is asked again from %(time)s.")
    return f"{words % {'time': until}} {last}"
