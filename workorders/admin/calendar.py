"""The calendar: a month of days, or a week with a lane for each person. Moving a card plans the order for that day."""

from calendar import Calendar as Weeks
from collections import defaultdict
from datetime import date, timedelta
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.formats import date_format
from django.utils.http import urlencode
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from faultreporter.accounts.authentication import caller
from faultreporter.accounts.models import User
from faultreporter.api.concurrency import row_version
from faultreporter.backoffice import page_of, severity_badge
from faultreporter.errors import ValidationFailed
from workorders.admin.pages import PlanningFilter, moved
from workorders.calendar import Calendar, Entry, calendar
from workorders.models import WorkOrder
from workorders.workload import PersonLoad, Workload, days_of, workload

MOST_UNPLANNED = 50
NOBODY = "nobody"
Cards = dict[date, list[dict[str, Any]]]


class CalendarPages:
    """Mixed into the admin of work orders."""

    def get_urls(self) -> list[Any]:
        page: Any = self
        view = page.admin_site.admin_view
        return [
            path("calendar/", view(self.calendar), name="workorders_workorder_calendar"),
            path("<path:object_id>/plan-day/", view(self.plan_card), name="workorders_workorder_plan_card"),
            *super().get_urls(),  # type: ignore[misc]
        ]

    def calendar(self, request: HttpRequest) -> HttpResponse:
        page: Any = self
        if not page.has_view_permission(request):
            raise PermissionDenied
        filters = PlanningFilter(request.GET, user=caller(request))
        context = {
            **page.admin_site.each_context(request),
            **(week_page if request.GET.get("view") == "week" else month_page)(request, filters),
            "title": _("Calendar"),
            "content_title": _("Calendar"),
            "filters": filters,
            "may_move": page.has_change_permission(request),
            "unplanned": unplanned(request, filters),
        }
        return TemplateResponse(request, "admin/workorders/planning/calendar.html", context)

    def plan_card(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return moved(self, request, object_id, plan)


def day_named(text: str) -> date | None:
    try:
        return parse_date(text)
    except ValueError:  # 2026-13-01
        return None


def chosen_day(request: HttpRequest) -> date:
    """The day in the address; today if it names none that a calendar can show."""
    found = day_named(request.GET.get("date", ""))
    return found if found and 1970 < found.year < 2200 else timezone.localdate()


def month_page(request: HttpRequest, filters: PlanningFilter) -> dict[str, Any]:
    day = chosen_day(request)
    weeks = Weeks().monthdatescalendar(day.year, day.month)
    first, last = weeks[0][0], weeks[-1][-1]
    load = load_of(request, filters, first, last)
    shown = on_show(request, filters, first, last)
    cards, ghosts = cards_by_day(shown), ghosts_by_day(shown)
    before, after = day.replace(day=1) - timedelta(days=1), day.replace(day=28) + timedelta(days=5)
    return {
        "view": "month",
        "heading": date_format(day, "F Y"),
        "weekdays": [date_format(one, "D") for one in weeks[0]],
        "days": [month_day(one, day, load, cards[one], ghosts[one]) for week in weeks for one in week],
        **links(filters, "month", day, before, after),
    }


def month_day(
    one: date, chosen: date, load: Workload, cards: list[dict[str, Any]], ghosts: list[dict[str, Any]]
) -> dict[str, Any]:  # fmt: skip
    index = (one - load.first).days
    over = [str(person.user) for person in load.people if person.days[index].overloaded]
    return {
        "date": one,
        "zone": one.isoformat(),
        "label": date_format(one, "D j N"),
        "outside": one.month != chosen.month,
        "today": one == timezone.localdate(),
        "past": one < timezone.localdate(),
        "hours": hours(sum(person.days[index].planned_minutes for person in [*load.people, load.unassigned])),
        "over": ", ".join(over),
        "cards": cards,
        "ghosts": ghosts,
    }


def week_page(request: HttpRequest, filters: PlanningFilter) -> dict[str, Any]:
    day = chosen_day(request)
    first, today = day - timedelta(days=day.weekday()), timezone.localdate()
    last = first + timedelta(days=6)
    load = load_of(request, filters, first, last)
    shown = on_show(request, filters, first, last)
    days = cards_by_day(shown), ghosts_by_day(shown)
    lanes = [lane(person, *days) for person in (load.unassigned, *load.people)]
    return {
        "view": "week",
        "heading": f"{date_format(first, 'j N')} – {date_format(last, 'j N Y')}",
        "weekdays": [{"label": date_format(one, "D j N"), "today": one == today} for one in days_of(first, last)],
        "lanes": lanes,
        **links(filters, "week", day, day - timedelta(days=7), day + timedelta(days=7)),
    }


def lane(person: PersonLoad, cards: Cards, ghosts: Cards) -> dict[str, Any]:
    """One person's week; the lane of nobody has what no one was given yet."""
    key = person.user and person.user.pk
    return {
        "name": str(person.user) if person.user else gettext("Nobody yet"),
        "hours": hours(person.planned_minutes),
        "capacity": hours(person.capacity_minutes) if person.user else "",
        "cells": [
            {
                "zone": f"{day.date.isoformat()}|{key or NOBODY}",
                "label": date_format(day.date, "D j N"),
                "hours": hours(day.planned_minutes),
                "capacity": hours(day.capacity_minutes) if person.user else "",
                "over": day.overloaded if person.user else False,
                "free": bool(person.user) and day.capacity_minutes == 0,
                "cards": [one for one in cards[day.date] if one["order"].assigned_to_id == key],
                "ghosts": [one for one in ghosts[day.date] if one["person_id"] == key],
            }
            for day in person.days
        ],
    }  # fmt: skip


def hours(minutes: int) -> str:
    return f"{minutes / 60:.2g}" if minutes % 60 and minutes < 600 else f"{round(minutes / 60)}"


def load_of(request: HttpRequest, filters: PlanningFilter, first: date, last: date) -> Workload:
    return workload(
        viewer=caller(request), first=first, last=last, at=timezone.now(), user=filters.said("person"),
        team=filters.said("team"), location=filters.said("site"), listed=False,
    )  # fmt: skip


def on_show(request: HttpRequest, filters: PlanningFilter, first: date, last: date) -> Calendar:
    return calendar(
        viewer=caller(request), first=first, last=last, at=timezone.now(), user=filters.said("person"),
        team=filters.said("team"), location=filters.said("site"), rows=filters.rows(WorkOrder.objects.all()),
    )  # fmt: skip


def cards_by_day(shown: Calendar) -> Cards:
    found: Cards = defaultdict(list)
    for entry in shown.entries:
        found[entry.date].append(card(entry))
    return found


def ghosts_by_day(shown: Calendar) -> Cards:
    """Maintenance that lies ahead: no orders yet, so nothing to move."""
    found: Cards = defaultdict(list)
    for due in shown.expected:
        words = {"title": due.plan.title, "code": due.plan.equipment.equipment_code, "url": page_of(due.plan)}
        found[due.day].append({**words, "person_id": due.plan.assigned_to_id, "is_forecast": due.is_forecast})
    return found


def card(entry: Entry) -> dict[str, Any]:
    order = entry.order
    start = order.planned_start_at and order.planned_start_at.astimezone(order.zone_info())
    return {
        "order": order,
        "url": page_of(order),
        "plan_url": reverse("admin:workorders_workorder_schedule", args=[order.pk]),
        "move_url": reverse("admin:workorders_workorder_plan_card", args=[order.pk]),
        "version": row_version(order),
        "priority": severity_badge(order, "priority"),
        "who": order.assigned_to or order.assigned_team or "",
        "start": f"{start:%H:%M}" if start else "",
        "hours": hours(order.planned_minutes()),
        "only_due": entry.kind == "DUE",
        "finished": order.is_finished,
        "overdue": order.is_overdue(timezone.now()),
    }


def unplanned(request: HttpRequest, filters: PlanningFilter) -> dict[str, Any]:
    """What has no day yet, the most urgent first: the cards to be put on the calendar."""
    rows: Any = filters.rows(WorkOrder.objects.for_user(caller(request)).living().unfinished())
    rows = rows.filter(planned_date=None)
    shown = rows.select_related("equipment__location__site", "assigned_to", "assigned_team")
    orders = list(shown.order_by(F("due_at").asc(nulls_last=True), "created_at", "id")[:MOST_UNPLANNED])
    count = rows.count() if len(orders) == MOST_UNPLANNED else len(orders)
    return {"count": count, "cards": [card(Entry(timezone.localdate(), "DUE", order)) for order in orders]}


def links(filters: PlanningFilter, view: str, day: date, before: date, after: date) -> dict[str, str]:
    def to(view: str, day: date) -> str:
        return f"?{urlencode({**filters.query(), 'view': view, 'date': day.isoformat()})}"

    return {
        "day": day.isoformat(),
        "previous": to(view, before),
        "next": to(view, after),
        "today": to(view, timezone.localdate()),
        "as_month": to("month", day),
        "as_week": to("week", day),
    }


def plan(request: HttpRequest, order: WorkOrder, to: str) -> str:
    """Plan the order for the day of the cell it was put on, and give it to the person of the lane, if there is one."""
    day_text, _bar, lane_of = to.partition("|")
    day = day_named(day_text)
    if day_text and day is None:
        raise ValidationFailed(gettext("There is no such day."))
    by, at = caller(request), timezone.now()
    if lane_of and lane_of != str(order.assigned_to_id or NOBODY):
        order.assign(to=person_of(lane_of), by=by, at=at)
    if day != order.planned_date:
        order.schedule(day=day, by=by, at=at)
    words = date_format(day, "l j F") if day else gettext("not planned any more")
    return gettext("%(number)s: %(day)s.") % {"number": order.number, "day": words}


def person_of(lane_of: str) -> User:
    if lane_of == NOBODY:
        raise ValidationFailed(gettext("Work that somebody has can't become nobody's; give it to somebody else."))
    found = User.objects.active().filter(pk=lane_of).first() if len(lane_of) == 36 else None
    if found is None:
        raise ValidationFailed(gettext("There is no such person."))
    return found
