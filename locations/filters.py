import uuid

import django_filters

from faultreporter.api.filters import ChoicesFilter, FilterSet
from locations.models import Location, LocationQuerySet


class LocationFilter(FilterSet):
    kind = ChoicesFilter(choices=Location.Kind.choices)
    parent_id = django_filters.UUIDFilter(field_name="parent")
    site_id = django_filters.UUIDFilter(field_name="site")
    under = django_filters.UUIDFilter(method="filter_under", label="A place: itself and everything below it.")

    class Meta:
        model = Location
        fields: list[str] = []

    def filter_under(self, rows: LocationQuerySet, name: str, value: uuid.UUID) -> LocationQuerySet:
        return rows.under(value)
