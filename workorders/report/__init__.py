"""The report of a work order on paper."""

from workorders.report.document import report_of

__all__ = ["report_of"]
