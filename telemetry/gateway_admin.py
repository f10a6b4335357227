"""Ways in, in the back office: bridges, messages that could not be stored, files that were read in."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from faultreporter.backoffice import ReadOnlyAdmin, badge
from telemetry.models import DeadLetter, MqttBridge, ReadingImport


@admin.register(MqttBridge)
class MqttBridgeAdmin(ReadOnlyAdmin):
    empty_note = _("No bridge has run yet: set MQTT_URL and start manage.py mqtt_bridge.")
    list_display = ("name", "connected", "seen_at", "messages", "accepted", "duplicate", "rejected", "dead_letters")
    fields = ("name", "is_connected", "seen_at", *MqttBridge.COUNTERS)

    @admin.display(description=_("connected"), ordering="is_connected")
    def connected(self, bridge: MqttBridge) -> str:
        return badge(_("Connected"), "success") if bridge.is_connected else badge(_("Not connected"), "danger")


@admin.register(DeadLetter)
class DeadLetterAdmin(ReadOnlyAdmin):
    empty_note = _("Every message that came over MQTT could be stored.")
    list_display = ("received_at", "topic", "shown_reason", "detail", "payload_bytes")
    list_filter = ("reason",)
    search_fields = ("topic", "device_id")
    ordering = ("-id",)
    fields = ("received_at", "topic", "device_id", "reason", "detail", "payload_bytes", "text")
    readonly_fields = ("text",)

    @admin.display(description=_("reason"), ordering="reason")
    def shown_reason(self, letter: DeadLetter) -> str:
        return badge(letter.get_reason_display(), "warning")

    @admin.display(description=_("how it begins"))
    def text(self, letter: DeadLetter) -> str:
        return bytes(letter.payload).decode(errors="backslashreplace")


@admin.register(ReadingImport)
class ReadingImportAdmin(ReadOnlyAdmin):
    empty_note = _("No file was read in yet: see manage.py import_readings --help.")
    list_display = ("name", "rows", "accepted", "duplicate", "conflict", "rejected", "started_at", "finished_at")
    search_fields = ("name",)
    fields = (
        "name",
        "digest",
        "options",
        "rows",
        "accepted",
        "duplicate",
        "conflict",
        "rejected",
        "started_at",
        "finished_at",
    )
