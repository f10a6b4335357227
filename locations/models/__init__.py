from locations.models.calendar import BusinessCalendar, Holiday, hours_from, zone_of
from locations.models.location import Location, LocationQuerySet
from locations.models.membership import SiteMembership
from locations.models.tree import at_or_below, drawn_on_plan_of, lock_tree

__all__ = [
    "BusinessCalendar",
    "Holiday",
    "Location",
    "LocationQuerySet",
    "SiteMembership",
    "at_or_below",
    "drawn_on_plan_of",
    "hours_from",
    "lock_tree",
    "zone_of",
]
