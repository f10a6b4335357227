from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextInputWidget

from faultreporter.backoffice import RecordForm, TabularInline
from locations.backoffice import RecordAdmin
from locations.business_time import WEEKDAYS
from locations.models import BusinessCalendar, Holiday
from locations.models.calendar import Hours, office_hours, spans_of_day

DAY_NAMES = (
    _("Monday"), _("Tuesday"), _("Wednesday"), _("Thursday"), _("Friday"), _("Saturday"), _("Sunday"),
)  # fmt: skip


class OpeningsField(forms.CharField):
    """The openings of a day as people write them: 08:00-12:00, 13:00-17:00."""

    widget = UnfoldAdminTextInputWidget

    def to_python(self, value: Any) -> Any:
        text = str(value or "").replace("–", "-").replace(" ", "")
        openings = [opening.split("-") for opening in text.split(",") if opening]
        spans_of_day(openings)
        return sorted(openings)


def as_text(openings: list[list[str]]) -> str:
    return ", ".join("–".join(opening) for opening in openings)


class CalendarForm(RecordForm):
    """The week as seven lines."""

    class Meta:
        model = BusinessCalendar
        fields = ("name", "description", "is_default")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        hours: Hours = self.instance.weekly_hours if self.instance.pk else office_hours()
        for day, name in zip(WEEKDAYS, DAY_NAMES, strict=True):
            field = OpeningsField(label=name, required=False, help_text=_("Empty: closed."))
            if day == WEEKDAYS[0]:
                field.help_text = _("As 08:00–12:00, 13:00–17:00; all day is 00:00–24:00. Empty: closed.")
            self.fields[day] = field
            self.initial[day] = as_text(hours.get(day, []))

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        hours = {day: cleaned.get(day, []) for day in WEEKDAYS}
        if not any(hours.values()) and not self.errors:
            raise ValidationError(_("Open at least once a week, or no work would ever be due."))
        self.instance.weekly_hours = hours
        return cleaned


class HolidayInline(TabularInline):
    """Days on which nobody works."""

    model = Holiday
    extra = 0
    fields = ("date", "name", "every_year")
    ordering = ("date",)


@admin.register(BusinessCalendar)
class BusinessCalendarAdmin(RecordAdmin):
    """Business hours and holidays; a site's page says which it follows."""

    form = CalendarForm
    list_display = ("name", "week", "holiday_count", "site_count", "is_default")
    search_fields = ("name",)
    ordering = ("name",)
    inlines = (HolidayInline,)
    empty_note = _("Without a calendar every hour counts. Add the usual business hours and make them the default.")
    fieldsets = (
        (None, {"fields": ("name", "description", "is_default")}),
        (_("Business hours, on the clock of the site"), {"fields": WEEKDAYS}),
    )

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        # The days are fields of the form alone; Django would look for them in the model.
        return super().get_form(request, obj, change, **{**kwargs, "fields": CalendarForm.Meta.fields})

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        living = Q(sites__deleted_at=None)
        rows: QuerySet[Any] = (
            super()
            .get_queryset(request)
            .annotate(
                holidays_in=Count("holidays", distinct=True), followers=Count("sites", filter=living, distinct=True)
            )
        )
        return rows

    def change_record(self, request: HttpRequest, record: Any, changed: list[str]) -> None:
        names = [name for name in changed if name not in WEEKDAYS]
        super().change_record(request, record, [*names, "weekly_hours"])

    @admin.display(description=_("business hours"))
    def week(self, calendar: BusinessCalendar) -> str:
        """Days with the same hours share a line: Monday–Friday 08:00–17:00."""
        if calendar.is_around_the_clock:
            return str(_("Around the clock"))
        return "; ".join(f"{days} {as_text(openings)}" for days, openings in runs(calendar.weekly_hours))

    @admin.display(description=_("holidays"))
    def holiday_count(self, calendar: Any) -> int:
        return int(calendar.holidays_in)

    @admin.display(description=_("sites"))
    def site_count(self, calendar: Any) -> int:
        return int(calendar.followers)


def runs(hours: Hours) -> list[tuple[str, list[list[str]]]]:
    """Neighbouring days with equal hours together; closed ones left out."""
    found: list[tuple[list[str], list[list[str]]]] = []
    for day, name in zip(WEEKDAYS, DAY_NAMES, strict=True):
        openings = hours.get(day, [])
        if found and found[-1][1] == openings:
            found[-1][0].append(str(name)[:3])
        else:
            found.append(([str(name)[:3]], openings))
    return [("–".join(dict.fromkeys((days[0], days[-1]))), openings) for days, openings in found if openings]
