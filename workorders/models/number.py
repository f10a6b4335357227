from django.db import connection, models
from django.utils.translation import gettext_lazy as _

NEXT_SQL = """
INSERT INTO work_order_numbers (year, last) VALUES (%s, 1)
ON CONFLICT (year) DO UPDATE SET last = work_order_numbers.last + 1 RETURNING last"""


class WorkOrderNumber(models.Model):
    """The last number given to a work order in a year.

    A row instead of a sequence: a transaction that is rolled back gives its number back, so none is ever missing.
    """

    year = models.PositiveSmallIntegerField(_("year"), primary_key=True)
    last = models.PositiveIntegerField(_("last number"))

    class Meta:
        db_table = "work_order_numbers"
        verbose_name = _("work order number")
        verbose_name_plural = _("work order numbers")

    def __str__(self) -> str:
        return f"WO-{self.year}-{self.last:06d}"

    @classmethod
    def take(cls, *, year: int) -> str:
        """The next number of the year, such as WO-2026-000123. Others who want one wait until this transaction ends."""
        with connection.cursor() as cursor:
            cursor.execute(NEXT_SQL, [year])
            (last,) = cursor.fetchone()
        return str(cls(year=year, last=last))
