import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Final, Self

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.db import models, transaction
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from equipment.models import Category
from faultreporter.accounts.models import User
from faultreporter.attachments.models import Attachment
from faultreporter.db import LivingQuerySet, SoftDeleteModel
from faultreporter.errors import InvalidTransition, ValidationFailed
from faultreporter.outbox import publish

LONGEST_PAGE: Final = 20_000
"""Characters of a page that are kept: five times a dense page of A4."""

WORD: Final = re.compile(r"\b[^\W\d_]{5,40}\b")
"""What is worth correcting when it is misspelt."""

READ_MANUAL: Final = "aiassist.tasks.read_manual"
FORGOTTEN: Final = timedelta(minutes=5)
"""How long a manual may wait to be read before its wake-up counts as lost."""


class ManualQuerySet(LivingQuerySet["Manual"]):
    def readable(self) -> Self:
        return self.living().filter(status="READY")

    def forgotten(self, at: datetime) -> Self:
        return self.living().filter(status="PENDING", updated_at__lt=at - FORGOTTEN)

    def about(self, *, category: Category, manufacturer: str = "", model: str = "") -> Self:
        """Those of machines of this kind: of every make where the manual or the question names none."""
        rows = self.filter(category=category)
        for field, value in (("manufacturer", manufacturer.strip()), ("model", model.strip())):
            if value:
                rows = rows.filter(Q(**{field: ""}) | Q(**{f"{field}__iexact": value}))
        return rows


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

    @classmethod
    def add(cls, *, by: User | None, **fields: Any) -> "Manual":
        manual = cls(**fields)
        manual.register(by=by)
        return manual

    def register(self, *, by: User | None) -> None:
        """Store a manual that was only filled in so far, and have it read."""
        if self.attachment.kind != Attachment.Kind.PDF:
            raise ValidationFailed(gettext("A manual is a PDF."), field="attachment_id")
        with transaction.atomic():
            self.save(force_insert=True)
            publish(READ_MANUAL, manual_id=self.pk)

    def change(self, *, by: User | None, **fields: Any) -> None:
        """Correct what it is about. Another file is another manual."""
        for name, value in fields.items():
            setattr(self, name, value)
        self.save(update_fields=list(fields))

    def read_again(self, *, by: User | None) -> None:
        """Try once more one that could not be read."""
        with transaction.atomic():
            if (
                not Manual.objects.living()
                .filter(pk=self.pk, status=self.Status.FAILED)
                .update(status=self.Status.PENDING, failure="")
            ):
                raise InvalidTransition(
                    gettext("Only a manual that could not be read is read again."),
                    source=self.status, target=self.Status.PENDING, allowed=[],
                )  # fmt: skip
            publish(READ_MANUAL, manual_id=self.pk)

    def wake(self) -> None:
        """Ask for a worker once more; should this wake-up get lost too, the sweep repeats it."""
        with transaction.atomic():
            self.save(update_fields=[])
            publish(READ_MANUAL, manual_id=self.pk)

    def keep(self, texts: Sequence[str]) -> None:
        """Store what its pages say, once: whoever reads it a second time at the same moment changes nothing."""
        with transaction.atomic():
            waiting = Manual.objects.select_for_update().filter(pk=self.pk, status=self.Status.PENDING)
            if not waiting.update(status=self.Status.READY, page_count=len(texts), failure=""):
                return
            self.pages.all().delete()
            self.words.all().delete()
            ManualPage.objects.bulk_create(
                (
                    ManualPage(manual=self, number=number, text=text[:LONGEST_PAGE])
                    for number, text in enumerate(texts, start=1)
                    if text
                ),
                batch_size=200,
            )
            known = {word for text in texts for word in WORD.findall(text[:LONGEST_PAGE].casefold())}
            ManualWord.objects.bulk_create(
                (ManualWord(manual=self, text=word) for word in sorted(known)), batch_size=5000
            )

    def give_up(self, reason: str) -> None:
        """Say why it can't be read."""
        waiting = Manual.objects.filter(pk=self.pk, status=self.Status.PENDING)
        waiting.update(status=self.Status.FAILED, failure=reason[:300])


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
            # excerpts for a fault: the words of the report, stemmed
            GinIndex(fields=["search"], name="idx_ai_manual_pages_search"),
        ]

    def __str__(self) -> str:
        return f"{self.number}"


class ManualWord(models.Model):
    """A longer word that a manual uses, once: what a misspelt one may have meant."""

    manual = models.ForeignKey(Manual, models.CASCADE, related_name="words", db_index=False)
    text = models.CharField(_("word"), max_length=40)

    class Meta:
        db_table = "ai_manual_words"
        verbose_name = _("word of a manual")
        verbose_name_plural = _("words of manuals")
        ordering = ("manual", "text")
        constraints = [models.UniqueConstraint(fields=["manual", "text"], name="uniq_ai_manual_words_text")]
        indexes = [
            # a word that no page knows, by its letters
            GinIndex(fields=["text"], name="idx_ai_manual_words_letters", opclasses=["gin_trgm_ops"]),
        ]

    def __str__(self) -> str:
        return self.text
