"""Back-office pages. Importing them registers them."""

from locations.admin import calendars, places

__all__ = ["calendars", "places"]
