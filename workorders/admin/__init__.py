from workorders.admin import effort
from workorders.admin.orders import OrderBadges
from workorders.admin.plans import MaintenancePlanAdmin

__all__ = ["MaintenancePlanAdmin", "OrderBadges", "effort"]
