from faultreporter.errors import DomainError


class PlanHasOpenOrder(DomainError):
    """The plan has an unfinished work order; `meta` names it."""

    code = "PLAN_HAS_OPEN_ORDER"
    http_status = 409


class PlanNotActive(DomainError):
    """The plan is paused or over, or its machine is out of service: it makes no orders now."""

    code = "PLAN_NOT_ACTIVE"
    http_status = 409
