"""What alerts tell the apps above. Both are sent inside the transaction: a receiver that raises undoes the move."""

from django.dispatch import Signal

# alert: the new Alert; analyze: whether whoever raised it wants an AI analysis. Not sent for a repeat.
alert_raised = Signal()

# alert, by, at: it is about to leave every list; a receiver may refuse with HasOpenWork.
alert_deleting = Signal()
