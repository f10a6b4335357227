"""The promises a new installation starts with. Every one can be edited; none is added again once people have."""

from typing import Any

BUSINESS_DAY = 9 * 60

POLICIES: tuple[dict[str, Any], ...] = (
    {"priority": "CRITICAL", "response_minutes": 30, "restore_minutes": 4 * 60, "counting": "AROUND_THE_CLOCK"},
    {"priority": "HIGH", "response_minutes": 120, "restore_minutes": BUSINESS_DAY, "counting": "BUSINESS_HOURS"},
    {"priority": "MEDIUM", "response_minutes": 480, "restore_minutes": 3 * BUSINESS_DAY, "counting": "BUSINESS_HOURS"},
    {
        "priority": "LOW", "response_minutes": 2 * BUSINESS_DAY, "restore_minutes": 10 * BUSINESS_DAY,
        "counting": "BUSINESS_HOURS",
    },
)  # fmt: skip

# code, name, whether the restore clock stands still meanwhile: only for what isn't the team's to hurry
HOLD_REASONS = (
    ("WAITING_PARTS", "Waiting for parts", True),
    ("WAITING_ACCESS", "Waiting for access", True),
    ("WAITING_VENDOR", "Waiting for an outside firm", True),
    ("WAITING_CUSTOMER", "Waiting for the user's answer", True),
    ("BREAK", "Break or end of shift", False),
    ("OTHER_WORK", "More urgent work", False),
    ("OTHER", "Other", False),
)
