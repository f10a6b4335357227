from typing import ClassVar, Final, Self

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from equipment.models import Category
from faultreporter.attachments.models import Attachment
from faultreporter.db import LivingQuerySet, SoftDeleteModel

LONGEST_PAGE: Final = 20_000
"""Characters of a page that are kept: five times a dense page of A4."""


class ManualQuerySet(LivingQuerySet["Manual"]):
    def readable(self) -> Self:
        return self.living().filter(status="READY")


class Manual(SoftDeleteModel):
    """A maker's handbook for a kind of machine, whose pages an answer may cite."""

    class Status(models.TextChoices):
        PENDING = "PENDING", _("Waiting to be read")
        READY = "READY", _("Read")
        FAILED = "FAILED", _("Could not be read")

    audited: ClassVar[bool] = True

    category = models.ForeignKey(Category, models.PROTECT, related_name="manuals", verbose_name=_("category"))
    title = models.CharField(_("title"), max_length=200)
    manufacturer = models.CharField(_("manufacturer"), max_length=100, blank=True)
    model = models.CharField(
        _("model"), max_length=100, blank=True, help_text=_("Empty: for all models of the category.")
    )
    attachment = models.ForeignKey(Attachment, models.PROTECT, related_name="+", verbose_name=_("file"))
    status = models.CharField(_("status"), max_length=10, choices=Status.choices, default=Status.PENDING)
    page_count = models.PositiveIntegerField(_("pages"), null=True, blank=True)
    failure = models.CharField(_("why it could not be read"), max_length=300, blank=True)

    objects = ManualQuerySet.as_manager()

    class Meta:
        db_table = "ai_manuals"
        verbose_name = _("manual")
        verbose_name_plural = _("manuals")
        ordering = ("title", "id")
        constraints = [
            models.UniqueConstraint(
                fields=["category", "title"], condition=Q(deleted_at=None), name="uniq_ai_manuals_title"
            )
        ]

    def __str__(self) -> str:
        return self.title


class ManualPage(models.Model):
    """The text of one page of a manual, as retrieval finds it."""

    manual = models.ForeignKey(Manual, models.CASCADE, related_name="pages")
    number = models.PositiveIntegerField(_("page"))
    text = models.TextField(_("text"))
    search = models.GeneratedField(
        expression=SearchVector("text", config="english"), output_field=SearchVectorField(), db_persist=True
    )

    class Meta:
        db_table = "ai_manual_pages"
        verbose_name = _("page of a manual")
        verbose_name_plural = _("pages of manuals")
        ordering = ("manual", "number")
        constraints = [models.UniqueConstraint(fields=["manual", "number"], name="uniq_ai_manual_pages_number")]
        indexes = [
            # excerpts for a fault: the words of the report, stemmed; misspelt ones by their letters
            GinIndex(fields=["search"], name="idx_ai_manual_pages_search"),
            GinIndex(fields=["text"], name="idx_ai_manual_pages_letters", opclasses=["gin_trgm_ops"]),
        ]

    def __str__(self) -> str:
        return f"{self.number}"
