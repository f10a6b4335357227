"""Files of readings that were read in from outside."""

from datetime import datetime
from typing import Self

from django.db import models
from django.utils.translation import gettext_lazy as _


class ReadingImportQuerySet(models.QuerySet["ReadingImport"]):
    def unfinished(self) -> Self:
        return self.filter(finished_at=None)


class ReadingImport(models.Model):
    """How far a CSV file has been read: the row moves on in the transaction that stores the readings.

    The same file read in the same way is the same import, whatever it is called.
    """

    digest = models.CharField(
        _("digest"), max_length=64, unique=True, help_text=_("SHA-256 of the file and of how it is read.")
    )
    name = models.CharField(_("file"), max_length=255)
    options = models.JSONField(_("options"), default=dict)
    rows = models.BigIntegerField(_("rows read"), default=0)
    accepted = models.BigIntegerField(_("accepted"), default=0)
    duplicate = models.BigIntegerField(_("duplicate"), default=0)
    conflict = models.BigIntegerField(_("conflict"), default=0)
    rejected = models.BigIntegerField(_("rejected"), default=0)
    error_bytes = models.BigIntegerField(default=0, editable=False)
    started_at = models.DateTimeField(_("started at"))
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)

    objects = ReadingImportQuerySet.as_manager()

    class Meta:
        db_table = "iot_imports"
        verbose_name = _("import of readings")
        verbose_name_plural = _("imports of readings")
        ordering = ("-id",)

    def __str__(self) -> str:
        return self.name

    def move_on(self, *, rows: int, error_bytes: int, counts: dict[str, int]) -> None:
        """Within the transaction that stores the readings of these rows."""
        self.rows, self.error_bytes = self.rows + rows, error_bytes
        for name, count in counts.items():
            setattr(self, name, getattr(self, name) + count)
        self.save(update_fields=["rows", "error_bytes", *counts])

    def finish(self, *, at: datetime) -> None:
        self.finished_at = at
        self.save(update_fields=["finished_at"])
