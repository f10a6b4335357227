from typing import Final

# What "unfinished" is in every partial index and constraint; the planner proves `status IN (…)` against it.
UNFINISHED: Final = ("OPEN", "ASSIGNED", "IN_PROGRESS", "ON_HOLD")
