"""Ways in, in the back office: bridges, messages that could not be stored, files that were read in."""

from typing import Any

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from faultreporter.backoffice import PeriodFilter, ReadOnlyAdmin, badge
from telemetry.models import DeadLetter, MqttBridge, ReadingImport

REMEDIES = {
    DeadLetter.Reason.BAD_TOPIC: _("Have the gateway publish to fr/v1/<device id>/telemetry."),
    DeadLetter.Reason.UNKNOWN_DEVICE: _("Add a device key with this device id, or correct the id in the gateway."),
    DeadLetter.Reason.UNREADABLE: _(
        "Have the gateway send JSON: an object with the list readings, or one reading a line."
    ),
    DeadLetter.Reason.TOO_LARGE: _("Have the gateway send fewer readings in a message."),
    DeadLetter.Reason.REFUSED: _("See below what is wrong with which reading; the others were stored."),
    DeadLetter.Reason.FAILED: _("The fault is ours: the log of the bridge at this time says more."),
}


def counted(name: str, model: Any) -> Any:
    """A count that is read in groups of three digits."""

    @admin.display(description=model._meta.get_field(name).verbose_name, ordering=name)
    def count(record: Any) -> str:
        return f"{getattr(record, name):,}"

    return count


COUNTED_BY_BRIDGES = tuple(counted(name, MqttBridge) for name in MqttBridge.COUNTERS)
COUNTED_BY_IMPORTS = tuple(
    counted(name, ReadingImport) for name in ("rows", "accepted", "duplicate", "conflict", "rejected")
)


@admin.register(MqttBridge)
class MqttBridgeAdmin(ReadOnlyAdmin):
    empty_note = _("No bridge has run yet: set MQTT_URL and start manage.py mqtt_bridge.")
    list_display = ("name", "connected", "seen_at", *COUNTED_BY_BRIDGES)
    list_filter = ("is_connected",)
    fields = ("name", "connected", "seen_at", *COUNTED_BY_BRIDGES)

    @admin.display(description=_("connected"), ordering="is_connected")
    def connected(self, bridge: MqttBridge) -> str:
        return badge(_("Connected"), "success") if bridge.is_connected else badge(_("Not connected"), "danger")


@admin.register(DeadLetter)
class DeadLetterAdmin(ReadOnlyAdmin):
    empty_note = _("Every message that came over MQTT could be stored.")
    list_display = ("received_at", "topic", "shown_reason", "detail", "payload_bytes")
    list_filter = ("reason", ("received_at", PeriodFilter))
    search_fields = ("topic", "device_id", "detail")
    ordering = ("-id",)
    fields = ("received_at", "topic", "device_id", "shown_reason", "remedy", "detail", "payload_bytes", "text")

    @admin.display(description=_("reason"), ordering="reason")
    def shown_reason(self, letter: DeadLetter) -> str:
        return badge(letter.get_reason_display(), "warning")

    @admin.display(description=_("what to do"))
    def remedy(self, letter: DeadLetter) -> str:
        return str(REMEDIES[DeadLetter.Reason(letter.reason)])

    @admin.display(description=_("how it begins"))
    def text(self, letter: DeadLetter) -> str:
        return bytes(letter.payload).decode(errors="backslashreplace")


@admin.register(ReadingImport)
class ReadingImportAdmin(ReadOnlyAdmin):
    empty_note = _("No file was read in yet: see manage.py import_readings --help.")
    list_display = ("name", "state", *COUNTED_BY_IMPORTS, "started_at", "finished_at")
    list_filter = (("started_at", PeriodFilter), ("finished_at", admin.EmptyFieldListFilter))
    search_fields = ("name",)
    fields = ("name", "state", "started_at", "finished_at", *COUNTED_BY_IMPORTS, "options", "digest")

    @admin.display(description=_("state"), ordering="finished_at")
    def state(self, reading_import: ReadingImport) -> str:
        done = reading_import.finished_at is not None
        return badge(_("Read to the end"), "success") if done else badge(_("Under way or broken off"), "warning")
