"""What work orders add to what is said of an alert."""

from typing import Any

from alerts.extensions import register_detail_field
from alerts.models import Alert
from workorders.models import WorkOrder
from workorders.serializers import WorkOrderBriefSerializer


def latest_order(alert: Alert) -> Any:
    """The alert's last work order, which is the unfinished one if there is one."""
    if alert.is_new:
        return None
    order = WorkOrder.objects.living().filter(alert=alert).select_related("assigned_to").order_by("-created_at").first()
    return None if order is None else WorkOrderBriefSerializer(order).data


register_detail_field("work_order", WorkOrderBriefSerializer(allow_null=True), latest_order)
