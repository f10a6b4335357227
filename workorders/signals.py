"""What work orders tell the apps above. Sent inside the transaction: a receiver that raises undoes the move."""

from django.dispatch import Signal

# work_order, by, at: the order was completed; its downtime has been let go and its alert told.
work_order_completed = Signal()
