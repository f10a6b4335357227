"""The report of a work order on paper."""

from workorders.models import WorkOrder


def report_of(order: WorkOrder, *, with_costs: bool) -> bytes:
    """The order as a PDF, as of now. `with_costs`: for those who may see what it cost."""
    # reportlab takes 100 ms and 20 MB to import; only a process that makes a report pays.
    from workorders.report.document import Report  # noqa: PLC0415

    return Report(order, with_costs=with_costs).bytes()
