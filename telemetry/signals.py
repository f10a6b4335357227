"""What telemetry tells the apps above it. Both are sent inside the transaction that found it out.

An episode is the time from a rule's condition coming true on one series until it is over: exactly one `rule_fired`,
then exactly one `rule_cleared`. A receiver that raises undoes what was judged of that series, and the sweep tries it
again.

An alarm that something holds back (telemetry.rules.suppression) is told when that ends, or never if it is over by then.

`rule_fired`: `sender` Rule; `rule` and `version`, the one that fired; `series`: its keys and its machine's are loaded,
    the rest is a query; `reading`, the StoredReading (`recorded_at`, `value` in the metric's own unit) with which the
    condition held; `at`, when the alarm is on; `because`, why, in words for people.
`rule_cleared`: the same with `reason`, a Cleared. RECOVERED: `reading` is the last one and `at` when the alarm was
    over. EDITED, DISABLED, DELETED, OUT_OF_SCOPE: `reading` is None, `at` the moment of that act.

`counting_alerts` asks: whoever keeps alerts answers {"open": how many, "closed": how many} rules raised on `series`, a
    list of their keys, from `since` to before `until`.
"""

from django.dispatch import Signal

rule_fired = Signal()
rule_cleared = Signal()
counting_alerts = Signal()
