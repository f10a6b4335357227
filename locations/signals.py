"""News from the location tree for the apps above. Sent inside the transaction; a receiver refuses by raising."""

from django.dispatch import Signal

# Sent with location= and by= before a location is soft-deleted.
location_deleting = Signal()
