from alerts.admin.alerts import AlertAdmin, AlertBadges

__all__ = ["AlertAdmin", "AlertBadges"]
