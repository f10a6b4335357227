from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import URLPattern
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from faultreporter.backoffice import PeriodFilter, ReadOnlyAdmin, ReadOnlyInline, badge, linked, severity_badge
from faultreporter.notifications.models import Delivery, DeliveryAttempt, Notification, PushTarget
from faultreporter.notifications.pages import own_pages
from faultreporter.notifications.sending import WAKE_UP
from faultreporter.notifications.wording import page_path, subject_name
from faultreporter.outbox import publish

STATE_COLOURS = {"PENDING": "info", "SENT": "success", "FAILED": "danger", "SKIPPED": "", "DEAD": "warning"}
OUTCOME_COLOURS = {
    "STARTED": "info",
    "SENT": "success",
    "RETRY": "warning",
    "REFUSED": "danger",
    "TARGET_GONE": "warning",
}


class DeliveryColumns:
    """A delivery's state, on the ledger's pages and on the notification's."""

    @admin.display(description=_("state"), ordering="state")
    def shown_state(self, delivery: Delivery) -> SafeString:
        return badge(delivery.get_state_display(), STATE_COLOURS[delivery.state])


class DeliveryInline(DeliveryColumns, ReadOnlyInline):
    model = Delivery
    delivery = linked(_("delivery"))
    fields = readonly_fields = ("delivery", "address", "shown_state", "reason", "tries", "due_at", "sent_at")
    verbose_name_plural = _("How it was carried")
    ordering = ("-id",)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("notification")


class AttemptInline(ReadOnlyInline):
    model = DeliveryAttempt
    fields = readonly_fields = ("at", "shown_outcome", "reason", "detail", "provider_id", "milliseconds")
    verbose_name_plural = _("Attempts")
    ordering = ("-id",)

    @admin.display(description=_("outcome"))
    def shown_outcome(self, attempt: DeliveryAttempt) -> SafeString:
        return badge(attempt.get_outcome_display(), OUTCOME_COLOURS[attempt.outcome])


class LedgerAdmin(ReadOnlyAdmin):
    """Everybody's, for administrators; elsewhere people see their own."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = self.model._default_manager.order_by(*self.get_ordering(request))
        return rows


@admin.register(Notification)
class NotificationAdmin(LedgerAdmin):
    """What people were told, and whether they have read it."""

    empty_note = _("Nobody was told of anything yet. The first alert on a machine somebody looks after changes that.")
    list_display = ("title", "user", "kind", "shown_severity", "created_at", "read_at")
    list_filter = ("kind", "severity", ("created_at", PeriodFilter))
    list_select_related = ("user",)
    search_fields = ("title", "user__display_name", "user__email")
    ordering = ("-created_at", "-id")
    fields = (
        *("title", "body", "user", "kind", "shown_severity", "subject"),
        *("group", "key", "created_at", "planned_at", "read_at"),
    )
    inlines = (DeliveryInline,)

    def get_urls(self) -> list[URLPattern]:
        return [*own_pages(self.admin_site), *super().get_urls()]

    @admin.display(description=_("severity"), ordering="severity")
    def shown_severity(self, notification: Notification) -> SafeString:
        return severity_badge(notification)

    @admin.display(description=_("about"))
    def subject(self, notification: Notification) -> SafeString | str:
        name, path = subject_name(notification), page_path(notification)
        return format_html('<a class="text-primary-600" href="{}">{}</a>', path, name) if path else name


@admin.register(Delivery)
class DeliveryAdmin(DeliveryColumns, LedgerAdmin):
    """The ledger: each way by which a notification went, and every attempt at it."""

    empty_note = _("Nothing was sent yet. Pushes and e-mails are listed here with every attempt.")
    list_display = ("notification", "person", "channel", "shown_state", "reason", "tries", "due_at", "sent_at")
    list_filter = ("state", "channel", "reason", ("created_at", PeriodFilter))
    list_select_related = ("notification__user",)
    search_fields = ("notification__title", "notification__user__display_name", "notification__user__email")
    ordering = ("-created_at", "-id")
    fields = (
        *("notification", "person", "channel", "address", "target", "shown_state", "reason"),
        *("tries", "stands_for", "due_at", "sent_at", "claimed_until", "created_at"),
    )
    inlines = (AttemptInline,)
    actions = ("send_again",)

    @admin.display(description=_("person"), ordering="notification__user__display_name")
    def person(self, delivery: Delivery) -> str:
        return str(delivery.notification.user)

    @admin.action(description=_("Send again what failed"))
    def send_again(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        number = sum(delivery.resend(at=timezone.now()) for delivery in queryset)
        if number:
            publish(WAKE_UP)
        words = ngettext("%(count)d delivery is tried again.", "%(count)d deliveries are tried again.", number)
        self.message_user(request, words % {"count": number}, messages.SUCCESS if number else messages.WARNING)


@admin.register(PushTarget)
class PushTargetAdmin(LedgerAdmin):
    """Whose phones get pushes. They are registered by the app and removed when the push service says they are gone."""

    empty_note = _("The app registers a phone here at its start; nothing can be added by hand.")
    list_display = ("user", "provider", "shown_value", "platform", "app_version", "registered_at")
    list_display_links = ("shown_value",)
    list_filter = ("provider", "platform")
    list_select_related = ("user",)
    search_fields = ("user__display_name", "user__email")
    ordering = ("-registered_at", "-id")
    fields = ("user", "provider", "shown_value", "platform", "app_version", "registered_at", "created_at")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("notifications.delete_pushtarget")

    @admin.display(description=_("id or token"))
    def shown_value(self, target: PushTarget) -> str:
        return target.masked_value
