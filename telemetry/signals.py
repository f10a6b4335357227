"""What telemetry tells the apps above it. Both are sent inside the transaction that found it out.

An episode is the time from a rule's condition coming true on one series until it is over: exactly one `rule_fired`,
then exactly one `rule_cleared`. A receiver that raises undoes the evaluation, and the sweep tries it again.

`rule_fired`: `sender` Rule; `rule`; `series`, with its equipment and metric loaded; `reading`, the StoredReading
    (`recorded_at`, `value` in the metric's own unit) that crossed the trigger value; `at`, that reading's time.
`rule_cleared`: the same with `reason`, a RuleState.Cleared. RECOVERED: `reading` is the one that crossed the clear
    value and `at` its time. EDITED, DISABLED, DELETED, OUT_OF_SCOPE: `reading` is None, `at` the moment of that act.
"""

from django.dispatch import Signal

rule_fired = Signal()
rule_cleared = Signal()
