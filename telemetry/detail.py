"""What telemetry adds to the page of a machine."""

from typing import Any

from equipment.extensions import register_detail_field
from equipment.models import Equipment
from telemetry.serializers.readings import ReadingSerializer, reading_json
from telemetry.store.history import latest_of


def latest_iot_data(equipment: Equipment) -> list[dict[str, Any]]:
    """The newest reading of each metric the machine reports, by metric."""
    return [reading_json(line) for line in latest_of([equipment.pk])]


def register() -> None:
    register_detail_field("latest_iot_data", ReadingSerializer(many=True), latest_iot_data)
