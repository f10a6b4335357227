"""What beat does and when. The times are `CELERY_BEAT_SCHEDULE`'s and come back with every start of beat."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    PeriodicTasks,
    SolarSchedule,
)

from faultreporter.backoffice import ReadOnlyAdmin

for model in (ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask, SolarSchedule):
    admin.site.unregister(model)


@admin.register(PeriodicTask)
class ScheduleAdmin(ReadOnlyAdmin):
    """Periodic work: when it ran last, and a switch for it."""

    empty_note = _("The schedules appear when beat starts for the first time.")
    list_display = ("name", "when", "enabled", "last_run_at", "total_run_count")
    list_filter = ("enabled",)
    list_select_related = ("interval", "crontab", "solar", "clocked")
    search_fields = ("name", "task")
    ordering = ("name",)
    fields = ("name", "task", "kwargs", "when", "enabled", "last_run_at", "total_run_count", "date_changed")
    actions = ("switch_on", "switch_off")

    def has_switch_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm("django_celery_beat.change_periodictask"))

    @admin.display(description=_("when"))
    def when(self, task: PeriodicTask) -> str:
        return str(task.crontab.human_readable if task.crontab else task.scheduler)

    @admin.action(description=_("Switch on"), permissions=["switch"])
    def switch_on(self, request: HttpRequest, tasks: QuerySet[Any]) -> None:
        self.switch(request, tasks, enabled=True)

    @admin.action(description=_("Switch off"), permissions=["switch"])
    def switch_off(self, request: HttpRequest, tasks: QuerySet[Any]) -> None:
        self.switch(request, tasks, enabled=False)

    def switch(self, request: HttpRequest, tasks: QuerySet[Any], *, enabled: bool) -> None:
        count = tasks.update(enabled=enabled)
        PeriodicTasks.update_changed()  # beat looks here for whether to read its schedule anew
        message = ngettext("%(count)d schedule was changed.", "%(count)d schedules were changed.", count)
        self.message_user(request, message % {"count": count})
