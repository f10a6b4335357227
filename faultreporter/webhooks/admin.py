import json
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Count, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.utils.formats import localize
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from faultreporter.accounts.authentication import caller
from faultreporter.backoffice import (
    ModelAdmin,
    PeriodFilter,
    ReadOnlyAdmin,
    ReadOnlyInline,
    RecordForm,
    badge,
    linked,
    page_of,
)
from faultreporter.errors import DomainError
from faultreporter.webhooks import addresses, services
from faultreporter.webhooks.catalogue import EVERYTHING, event_types
from faultreporter.webhooks.models import Webhook, WebhookAttempt, WebhookDelivery

STATE_COLOURS = {"PENDING": "info", "SUCCEEDED": "success", "DEAD": "danger"}


class WebhookForm(RecordForm):
    """Says at the field why an address isn't taken."""

    events = forms.MultipleChoiceField(label=_("Events"), widget=UnfoldAdminCheckboxSelectMultipleWidget)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        types = [(name, f"{name}: {label}") for name, label in event_types().items()]
        self.fields["events"].choices = [(EVERYTHING, _("Every event")), *types]  # type: ignore[attr-defined]

    def clean_url(self) -> str:
        url: str = self.cleaned_data["url"]
        try:
            addresses.check(url)
        except DomainError as error:
            raise ValidationError(error.message) from error
        return url


class DeliveryColumns:
    """An event, its state and its last result, on the deliveries' own page and on the webhook's."""

    @admin.display(description=_("event"), ordering="event__type")
    def event_type(self, delivery: WebhookDelivery) -> str:
        return delivery.event.type

    @admin.display(description=_("state"), ordering="state")
    def shown_state(self, delivery: WebhookDelivery) -> str:
        return badge(delivery.get_state_display(), STATE_COLOURS[delivery.state])

    @admin.display(description=_("last result"), ordering="last_reason")
    def result(self, delivery: WebhookDelivery) -> str:
        if not delivery.last_reason:
            return "–"
        words = delivery.get_last_reason_display()
        return f"{words} ({delivery.last_status})" if delivery.last_status else str(words)


class DeliveryInline(DeliveryColumns, ReadOnlyInline):
    """What was sent to a webhook."""

    model = WebhookDelivery
    delivery = linked(_("delivery"))
    fields = readonly_fields = ("delivery", "shown_state", "attempts", "result", "created_at")
    ordering = ("-created_at", "-id")
    per_page = 20

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("event", "webhook")


@admin.register(Webhook)
class WebhookAdmin(ModelAdmin):
    """Other systems that are told what happens here."""

    form = WebhookForm
    empty_note = _("Add the address of a system that should hear of alerts and work orders as they happen.")
    list_display = ("__str__", "url", "shown_state", "shown_events", "dead_letters", "created_at")
    list_filter = ("is_active",)
    search_fields = ("url", "description")
    ordering = ("-created_at", "-id")
    fieldsets = (
        (None, {"fields": ("shown_state", "description", "url", "is_active")}),
        (_("What it hears of"), {"fields": ("events",)}),
        (_("Record"), {"fields": ("failing_since", "previous_expires_at", "created_by", "created_at", "updated_at")}),
    )
    readonly_fields = (
        "shown_state", "failing_since", "previous_expires_at", "created_by", "created_at", "updated_at",
    )  # fmt: skip
    inlines = (DeliveryInline,)
    actions_detail = ("send_ping", "rotate_secret")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        dead = Count("deliveries", filter=Q(deliveries__state=WebhookDelivery.State.DEAD))
        rows: QuerySet[Any] = super().get_queryset(request).annotate(dead_count=dead)
        return rows

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        new = ((None, {"fields": ("description", "url", "is_active")}), self.fieldsets[1])
        return self.fieldsets if obj else new

    def get_inlines(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.inlines if obj else ()

    def create_record(self, request: HttpRequest, record: Webhook) -> None:
        record.plain = record.register(by=caller(request))  # type: ignore[attr-defined]  # for the page that comes next

    def change_record(self, request: HttpRequest, record: Webhook, changed: list[str]) -> None:
        stored = Webhook.objects.get(pk=record.pk)
        changes = {name: getattr(record, name) for name in changed}
        stored.change(by=caller(request), at=timezone.now(), **changes)

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        return self.show_secret(request, obj, obj.plain)

    def show_secret(self, request: HttpRequest, webhook: Webhook, plain: str) -> HttpResponse:
        """The page with the secret. It is nowhere else, not even in a message waiting to be shown."""
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "webhook": webhook,
            "plain": plain,
            "next": page_of(webhook),
            "title": _("Copy the secret"),
        }
        response = TemplateResponse(request, "admin/webhooks/webhook/secret.html", context)
        add_never_cache_headers(response)
        return response

    @action(description=_("Send a test event"), url_path="send-ping", permissions=["change"])
    def send_ping(self, request: HttpRequest, object_id: str) -> HttpResponse:
        webhook = self.existing(request, object_id)
        if request.method != "POST":
            return self.ask(request, webhook, _("Send a test event"), gettext("It gets a ping at once."))
        try:
            delivery = services.send_ping(webhook=webhook, by=caller(request), at=timezone.now())
        except DomainError as error:
            self.message_user(request, error.message, messages.ERROR)
            return HttpResponseRedirect(page_of(webhook))
        self.message_user(request, gettext("The test event is on its way; reload this page to see how it went."))
        return HttpResponseRedirect(page_of(delivery))

    @action(description=_("Rotate the secret"), url_path="rotate-secret", permissions=["change"])
    def rotate_secret(self, request: HttpRequest, object_id: str) -> HttpResponse:
        webhook = self.existing(request, object_id)
        if request.method != "POST":
            words = gettext("A new secret is shown once. The present one signs beside it for a week.")
            return self.ask(request, webhook, _("Rotate the secret"), words)
        return self.show_secret(request, webhook, webhook.rotate_secret(by=caller(request), at=timezone.now()))

    def existing(self, request: HttpRequest, object_id: str) -> Webhook:
        webhook: Webhook | None = self.record(request, object_id)
        if webhook is None:
            raise Http404
        return webhook

    def ask(self, request: HttpRequest, webhook: Webhook, title: Any, words: str) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": webhook,
            "title": title,
            "words": words,
            "back": page_of(webhook),
        }
        return TemplateResponse(request, "admin/webhooks/webhook/ask.html", context)

    @admin.display(description=_("state"), ordering="is_active")
    def shown_state(self, webhook: Webhook) -> SafeString | str:
        if not webhook.is_active:
            off = badge(_("Switched off"), "danger" if webhook.disabled_at else "")
            return format_html("{} {}", off, webhook.disabled_reason) if webhook.disabled_reason else off
        return badge(_("Failing"), "warning") if webhook.failing_since else badge(_("On"), "success")

    @admin.display(description=_("hears of"))
    def shown_events(self, webhook: Webhook) -> str:
        if EVERYTHING in webhook.events:
            return gettext("every event")
        count = len(webhook.events)
        return webhook.events[0] if count == 1 else ngettext("%d event", "%d events", count) % count

    @admin.display(description=_("dead letters"), ordering="dead_count")
    def dead_letters(self, webhook: Any) -> str:
        return badge(webhook.dead_count, "danger") if webhook.dead_count else "0"


class AttemptInline(ReadOnlyInline):
    model = WebhookAttempt
    fields = readonly_fields = ("at", "reason", "status", "milliseconds", "answer")
    verbose_name_plural = _("every try")
    per_page = 20


@admin.register(WebhookDelivery)
class DeliveryAdmin(DeliveryColumns, ReadOnlyAdmin):
    """What was sent, and the dead letters: filter by state, select, send again."""

    empty_note = _("Nothing was sent yet. The webhook's page has a button that sends a test event.")
    list_display = ("event_type", "about", "webhook", "shown_state", "attempts", "result", "created_at")
    list_filter = ("state", "webhook", "last_reason", ("created_at", PeriodFilter))
    list_select_related = ("event", "webhook")
    search_fields = ("event__type", "event__subject", "event__uid")
    ordering = ("-created_at", "-id")
    inlines = (AttemptInline,)
    actions = ("replay",)
    actions_detail = ("replay_this",)
    fields = (
        "event_type", "webhook", "shown_state", "attempts", "result", "next_try", "finished_at", "created_at",
        "payload",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("event", "webhook")

    def has_replay_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return bool(request.user.has_perm("webhooks.change_webhookdelivery"))

    @admin.display(description=_("about"))
    def about(self, delivery: WebhookDelivery) -> str:
        record = delivery.event.data.get(delivery.event.type.partition(".")[0], {})
        return str(record.get("number") or record.get("title") or "–")

    @admin.display(description=_("next try at"))
    def next_try(self, delivery: WebhookDelivery) -> str:
        waiting = delivery.state == WebhookDelivery.State.PENDING
        return localize(timezone.localtime(delivery.next_attempt_at)) if waiting else "–"

    @admin.display(description=_("what is sent"))
    def payload(self, delivery: WebhookDelivery) -> SafeString:
        text = json.dumps(delivery.event.payload(), indent=2, ensure_ascii=False)
        return format_html('<pre class="overflow-x-auto whitespace-pre-wrap">{}</pre>', text)

    @admin.action(description=_("Send again"), permissions=["replay"])
    def replay(self, request: HttpRequest, queryset: QuerySet[WebhookDelivery]) -> None:
        deliveries = list(queryset.order_by("event_id"))
        for delivery in deliveries:
            services.replay(delivery=delivery, by=caller(request), at=timezone.now())
        count = len(deliveries)
        self.message_user(request, ngettext("%d is on its way again.", "%d are on their way again.", count) % count)

    @action(description=_("Send again"), url_path="replay", permissions=["replay"])
    def replay_this(self, request: HttpRequest, object_id: str) -> HttpResponse:
        delivery = self.record(request, object_id)
        if delivery is None:
            raise Http404
        if request.method != "POST":
            context = {
                **self.admin_site.each_context(request),
                "opts": self.opts,
                "original": delivery,
                "title": _("Send again"),
                "words": gettext("It goes out at once, with the same webhook-id."),
                "back": page_of(delivery),
            }
            return TemplateResponse(request, "admin/webhooks/webhook/ask.html", context)
        try:
            services.replay(delivery=delivery, by=caller(request), at=timezone.now())
        except DomainError as error:
            self.message_user(request, error.message, messages.ERROR)
        else:
            self.message_user(request, gettext("It is on its way again; reload this page to see how it went."))
        return HttpResponseRedirect(page_of(delivery))
