from alerts.admin.alerts import AlertAdmin, AlertBadges
from alerts.admin.escalation import EscalationOutageAdmin, EscalationPolicyAdmin

__all__ = ["AlertAdmin", "AlertBadges", "EscalationOutageAdmin", "EscalationPolicyAdmin"]
