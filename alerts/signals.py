"""What alerts tell the apps above. All are sent inside the transaction: a receiver that raises undoes the move."""

from django.dispatch import Signal

# alert: the new Alert; analyze: whether whoever raised it wants an AI analysis. Not sent for a repeat.
alert_raised = Signal()

# alert, by, at: it is about to leave every list; a receiver may refuse with HasOpenWork.
alert_deleting = Signal()

# alert_ids: they are about to be merged; a receiver locks its own rows on them now, before the alerts are locked.
alerts_merging = Signal()

# alert, into, by, at: it turns out to be a duplicate of `into`; a receiver may refuse with HasOpenWork.
alert_merging = Signal()
