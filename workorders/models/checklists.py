"""What there is to check: the lines of a checklist, and the reusable checklists of the team."""

from datetime import datetime
from typing import ClassVar

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from equipment.models import Category
from faultreporter.accounts.models import User
from faultreporter.db import LivingQuerySet, SoftDeleteModel, TimeStampedModel


class ChecklistLine(TimeStampedModel):
    """One thing to do or to look at, and what its answer looks like."""

    class Kind(models.TextChoices):
        CHECK = "CHECK", _("Tick")
        PASS_FAIL = "PASS_FAIL", _("Pass or fail")
        NUMBER = "NUMBER", _("Number")
        TEXT = "TEXT", _("Text")
        PHOTO = "PHOTO", _("Photo")

    WHAT: ClassVar = ("title", "instructions", "kind", "unit", "minimum", "maximum", "required")

    position = models.PositiveSmallIntegerField(_("position"), default=1, validators=[MinValueValidator(1)])
    title = models.CharField(_("title"), max_length=200)
    instructions = models.TextField(_("instructions"), blank=True, max_length=10_000)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind, default=Kind.CHECK)
    unit = models.CharField(_("unit"), max_length=20, blank=True, help_text=_("Of a number: °C, bar, mm/s."))
    minimum = models.DecimalField(
        _("lowest good value"), max_digits=18, decimal_places=6, null=True, blank=True,
        help_text=_("A number below it has failed."),
    )  # fmt: skip
    maximum = models.DecimalField(
        _("highest good value"), max_digits=18, decimal_places=6, null=True, blank=True,
        help_text=_("A number above it has failed."),
    )  # fmt: skip
    required = models.BooleanField(
        _("required"), default=True, help_text=_("The order can't be completed before it is done or skipped.")
    )

    class Meta:
        abstract = True
        ordering = ("position", "id")
        constraints = [
            models.CheckConstraint(
                condition=Q(minimum=None) | Q(maximum=None) | Q(minimum__lte=F("maximum")),
                name="check_%(class)s_limits",
                violation_error_message=_("The lowest good value is above the highest."),
            ),
            models.CheckConstraint(
                condition=Q(kind="NUMBER") | Q(unit="", minimum=None, maximum=None),
                name="check_%(class)s_number",
                violation_error_message=_("Only a number has a unit and limits."),
            ),
        ]

    def __str__(self) -> str:
        return self.title


class ChecklistTemplate(SoftDeleteModel):
    """A checklist that the team uses again and again: the monthly visit of a lift, the round through a plant room."""

    audited: ClassVar[bool] = True

    name = models.CharField(_("name"), max_length=200)
    description = models.TextField(_("description"), blank=True)
    category = models.ForeignKey(
        Category, models.PROTECT, null=True, blank=True, related_name="checklists", verbose_name=_("category"),
        help_text=_("Empty: for machines of any kind."),
    )  # fmt: skip

    objects = LivingQuerySet["ChecklistTemplate"].as_manager()

    class Meta:
        db_table = "checklist_templates"
        verbose_name = _("checklist")
        verbose_name_plural = _("checklists")
        constraints = [
            models.UniqueConstraint(
                fields=["name"],
                condition=Q(deleted_at=None),
                name="uniq_checklist_templates_name_living",
                violation_error_message=_("Another checklist has this name."),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def register(self, *, by: User) -> None:
        self.save(force_insert=True)

    def change(self, *, by: User, at: datetime | None = None, **fields: object) -> None:
        for name, value in fields.items():
            setattr(self, name, value)
        self.save(update_fields=list(fields))


class ChecklistItem(ChecklistLine):
    """A line of a reusable checklist. Orders have copies: a change here leaves theirs as they are."""

    audited: ClassVar[bool] = True

    template = models.ForeignKey(
        ChecklistTemplate, models.CASCADE, related_name="items", db_index=False, verbose_name=_("checklist")
    )

    class Meta(ChecklistLine.Meta):
        db_table = "checklist_items"
        verbose_name = _("line of a checklist")
        verbose_name_plural = _("lines of a checklist")
        indexes = [
            # the lines of one checklist, in their order
            models.Index(fields=["template", "position", "id"], name="idx_checklist_items_template"),
        ]
