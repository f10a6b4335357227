"""The moves of an alert."""

from typing import Final

from django.utils.translation import gettext_lazy as _

from alerts.lifecycle import Lifecycle, Move

ALERT_LIFECYCLE: Final = Lifecycle(
    {
        "acknowledge": Move(_("Acknowledge"), {"OPEN": "ACKNOWLEDGED"}, optional=("note",)),
        "resolve": Move(
            _("Resolve"), {"OPEN": "RESOLVED", "ACKNOWLEDGED": "RESOLVED"}, optional=("resolution", "note")
        ),
        "dismiss": Move(
            _("Dismiss as a false alarm"), {"OPEN": "RESOLVED", "ACKNOWLEDGED": "RESOLVED"}, optional=("note",)
        ),
        "silence": Move(_("Silence"), {"OPEN": "OPEN", "ACKNOWLEDGED": "ACKNOWLEDGED"}, required=("until",)),
        "reopen": Move(_("Reopen"), {"RESOLVED": "OPEN"}, required=("reason",)),
    }
)
