from workorders.admin.orders import OrderBadges

__all__ = ["OrderBadges"]
