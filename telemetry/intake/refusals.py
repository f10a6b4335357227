"""Why a reading isn't taken. The codes are stable; docs/errors.md has a paragraph for each."""

from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class Refused(StrEnum):
    """Why a reading wasn't taken; scripts rely on the codes."""

    UNKNOWN_EQUIPMENT = "unknown_equipment"
    FORBIDDEN_DEVICE = "forbidden_device"
    UNKNOWN_METRIC = "unknown_metric"
    UNKNOWN_FIELD = "unknown_field"
    WRONG_TYPE = "wrong_type"
    UNIT_MISMATCH = "unit_mismatch"
    NOT_FINITE = "not_finite"
    OUT_OF_PHYSICAL_RANGE = "out_of_physical_range"
    BAD_TIMESTAMP = "bad_timestamp"
    FUTURE_TIMESTAMP = "future_timestamp"
    TOO_OLD = "too_old"


MESSAGES: dict[Refused, Promise] = {
    Refused.UNKNOWN_EQUIPMENT: _("There is no such equipment; name it by equipment_id or equipment_code."),
    Refused.FORBIDDEN_DEVICE: _("This device key may not send readings of this equipment; a manager can allow it."),
    Refused.UNKNOWN_METRIC: _("There is no such metric; GET /iot-metrics lists them."),
    Refused.UNKNOWN_FIELD: _(
        "A reading has equipment_id or equipment_code, metric, value, unit and recorded_at; leave out the rest."
    ),
    Refused.WRONG_TYPE: _("A reading is an object, its value a number, everything else in it text."),
    Refused.UNIT_MISMATCH: _(
        "unit is no UCUM code that converts to the metric's unit; GET /iot-metrics says which that is."
    ),
    Refused.NOT_FINITE: _("value is not a finite number; leave out what was not measured."),
    Refused.OUT_OF_PHYSICAL_RANGE: _(
        "value is outside what is physically possible for the metric; check the sensor and the unit."
    ),
    Refused.BAD_TIMESTAMP: _("recorded_at is no RFC 3339 time with an offset, such as 2026-03-01T12:00:00Z."),
    Refused.FUTURE_TIMESTAMP: _("recorded_at is in the future; check the device's clock."),
    Refused.TOO_OLD: _("recorded_at is more than 366 days ago, or in a month that is no longer kept."),
}


class Refusal(Exception):
    def __init__(self, code: Refused) -> None:
        self.code = code
