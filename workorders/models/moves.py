"""The moves of a work order, and what each asks of whoever makes it."""

from typing import Final

from django.utils.translation import gettext_lazy as _

from alerts.lifecycle import Lifecycle, Move
from workorders.models.effort import STATED
from workorders.models.findings import FINDINGS

ORDER_LIFECYCLE: Final = Lifecycle(
    {
        "assign": Move(
            _("Assign"),
            {"OPEN": "ASSIGNED", "ASSIGNED": "ASSIGNED", "IN_PROGRESS": "IN_PROGRESS", "ON_HOLD": "ON_HOLD"},
            one_of=("user_id", "team_id"),
        ),
        "start": Move(_("Start"), {"ASSIGNED": "IN_PROGRESS"}, optional=("equipment_down", "downtime_reason")),
        "hold": Move(_("Put on hold"), {"IN_PROGRESS": "ON_HOLD"}, required=("reason",), optional=("reason_code",)),
        "resume": Move(_("Resume"), {"ON_HOLD": "IN_PROGRESS"}),
        "complete": Move(
            _("Complete"),
            {"IN_PROGRESS": "COMPLETED"},
            required=("resolution",),
            optional=(
                *FINDINGS, *STATED, "restored_at", "exclusion_reason",
            ),
        ),
        "close": Move(_("Close"), {"COMPLETED": "CLOSED"}, optional=("note", *FINDINGS)),
        "reopen": Move(_("Reopen"), {"COMPLETED": "IN_PROGRESS"}, required=("reason",), optional=("equipment_down",)),
        "cancel": Move(
            _("Cancel"),
            {"OPEN": "CANCELLED", "ASSIGNED": "CANCELLED", "IN_PROGRESS": "CANCELLED", "ON_HOLD": "CANCELLED"},
            required=("reason",),
        ),
    }
)  # fmt: skip
