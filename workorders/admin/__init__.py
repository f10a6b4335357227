from workorders.admin import effort
from workorders.admin.orders import OrderBadges

__all__ = ["OrderBadges", "effort"]
