"""News from the machines for the apps above. Sent inside the transaction; a receiver refuses by raising."""

from django.dispatch import Signal

# Sent with equipment= and by= before a machine is deleted or retired; with open work on it, raise HasOpenWork.
leaving_service = Signal()
