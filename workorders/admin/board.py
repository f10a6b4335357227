"""The board: every unfinished order as a card, one column for each state. Moving a card makes the order's move."""

from datetime import timedelta
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.timesince import timesince
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from faultreporter.accounts.authentication import caller
from faultreporter.api.concurrency import row_version
from faultreporter.backoffice import page_of, severity_badge
from faultreporter.errors import InvalidTransition
from workorders.admin.pages import Elsewhere, PlanningFilter, moved, with_way_back
from workorders.models import WorkOrder

COLUMNS = ("OPEN", "ASSIGNED", "IN_PROGRESS", "ON_HOLD", "COMPLETED")
MOST_CARDS = 100
COMPLETED_WITHIN = timedelta(days=14)
JOINED = ("equipment", "assigned_to", "assigned_team")


class BoardPages:
    """Mixed into the admin of work orders."""

    def get_urls(self) -> list[Any]:
        page: Any = self
        view = page.admin_site.admin_view
        return [
            path("board/", view(self.board), name="workorders_workorder_board"),
            path("<path:object_id>/board-move/", view(self.move_card), name="workorders_workorder_move_card"),
            *super().get_urls(),  # type: ignore[misc]
        ]

    def board(self, request: HttpRequest) -> HttpResponse:
        page: Any = self
        if not page.has_view_permission(request):
            raise PermissionDenied
        filters = PlanningFilter(request.GET, user=caller(request))
        context = {
            **page.admin_site.each_context(request),
            "title": _("Board"),
            "content_title": _("Board"),
            "filters": filters,
            "columns": columns(request, filters),
            "may_move": page.has_change_permission(request),
        }
        return TemplateResponse(request, "admin/workorders/planning/board.html", context)

    def move_card(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return moved(self, request, object_id, make_move)


def columns(request: HttpRequest, filters: PlanningFilter) -> list[dict[str, Any]]:
    at = timezone.now()
    recent = ~Q(status="COMPLETED") | Q(completed_at__gte=at - COMPLETED_WITHIN)
    rows = filters.rows(WorkOrder.objects.for_user(caller(request)).living()).filter(recent, status__in=COLUMNS)
    counts = dict(rows.order_by().values_list("status").annotate(cards=Count("pk")))
    return [column(rows, status, counts.get(status, 0), at=at) for status in COLUMNS]


def column(rows: Any, status: str, count: int, *, at: Any) -> dict[str, Any]:
    """The most urgent cards of a state; the latest of what is completed."""
    order = ("-completed_at", "-id") if status == "COMPLETED" else ("due_at", "created_at", "id")
    shown = rows.filter(status=status).select_related(*JOINED).order_by(*order)[:MOST_CARDS] if count else []
    listed = reverse("admin:workorders_workorder_changelist")
    return {
        "status": status,
        "label": WorkOrder.Status(status).label,
        "count": count,
        "more": max(0, count - MOST_CARDS),
        "all": f"{listed}?{urlencode({'status__exact': status})}",
        "cards": [card(one, at=at) for one in shown],
    }


def card(order: WorkOrder, *, at: Any) -> dict[str, Any]:
    return {
        "order": order,
        "url": page_of(order),
        "move_url": reverse("admin:workorders_workorder_move_card", args=[order.pk]),
        "version": row_version(order),
        "priority": severity_badge(order, "priority"),
        "who": order.assigned_to or order.assigned_team or "",
        "overdue": order.is_overdue(at),
        "age": timesince(order.created_at, at, depth=1),
        "targets": targets(order),
    }


def targets(order: WorkOrder) -> list[tuple[str, Any]]:
    """Where the card can go in one move; whether this order may, the move itself says."""
    states = WorkOrder.LIFECYCLE.targets(order.status)
    return [(state, WorkOrder.Status(state).label) for state in states]


def make_move(request: HttpRequest, order: WorkOrder, to: str) -> str:
    """The move that leads to the state `to`; one that asks for something is made on its own page."""
    allowed = {one["to"]: one for one in order.allowed_transitions() if one["to"] != order.status}
    if to not in allowed:
        raise refused(order, to, list(allowed))
    move = allowed[to]
    if move["required"] or move["one_of"]:
        raise Elsewhere(
            with_way_back(reverse(f"admin:workorders_workorder_{move['action']}", args=[order.pk]), request)
        )
    getattr(order, move["action"])(by=caller(request), at=timezone.now())
    return gettext("%(number)s: %(status)s.") % {"number": order.number, "status": order.get_status_display()}


def refused(order: WorkOrder, to: str, allowed: list[str]) -> InvalidTransition:
    names = dict(WorkOrder.Status.choices)
    words = {
        "number": order.number,
        "from": order.get_status_display(),
        "to": names.get(to, to),
        "allowed": ", ".join(str(names[state]) for state in allowed) or gettext("nowhere"),
    }
    message = gettext("%(number)s can't go from “%(from)s” to “%(to)s”. It can go to: %(allowed)s.")
    return InvalidTransition(message % words, source=order.status, target=to, allowed=allowed)
