"""What kinds of machines there are, and how each kind fails."""

import uuid
from datetime import datetime
from typing import ClassVar, Self

from django.contrib.postgres.fields import ArrayField
from django.core.validators import RegexValidator
from django.db import models, transaction
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from faultreporter.accounts.models import User
from faultreporter.db import LivingQuerySet, SoftDeleteModel
from faultreporter.errors import HasChildren

validate_code = RegexValidator(r"^[A-Z0-9-]+\Z", _("Use capital letters, digits and hyphens only."), code="pattern")


class Category(SoftDeleteModel):
    """A kind of machine that fails in its own ways: a chiller, a passenger lift, a fire pump."""

    audited: ClassVar[bool] = True

    code = models.CharField(_("code"), max_length=50, validators=[validate_code])
    name = models.CharField(_("name"), max_length=200)
    description = models.TextField(_("description"), blank=True)

    objects = LivingQuerySet["Category"].as_manager()

    class Meta:
        db_table = "equipment_categories"
        verbose_name = _("category")
        verbose_name_plural = _("categories")
        constraints = [
            models.UniqueConstraint(
                fields=["code"],
                condition=Q(deleted_at=None),
                name="uniq_equipment_categories_code_living",
                violation_error_message=_("Another category has this code."),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def soft_delete(self, *, by: User | None, at: datetime) -> None:
        """Refused while machines or failure modes belong to it."""
        with transaction.atomic():
            Category.objects.select_for_update().get(pk=self.pk)
            if self.equipment.living().exists() or self.failure_modes.living().exists():
                raise HasChildren(gettext("Machines or failure modes belong to this category."))
            super().soft_delete(by=by, at=at)


class FailureModeQuerySet(LivingQuerySet["FailureMode"]):
    def applicable_to(self, category_id: uuid.UUID | None) -> Self:
        """The category's own modes and those that any machine can have; without a category only the latter."""
        return self.filter(Q(category=None) | Q(category__isnull=False, category=category_id))


class FailureMode(SoftDeleteModel):
    """How a machine is seen to fail, kept apart from the mechanism behind it and from what caused that.

    The mode is what the technician observes ("low cooling capacity"), the mechanism what went on inside
    ("refrigerant leak"), a cause why ("vibration cracked the pipe"). ISO 14224 separates the three the same way.
    """

    audited: ClassVar[bool] = True

    category = models.ForeignKey(
        Category,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="failure_modes",
        verbose_name=_("category"),
        help_text=_("Empty: any machine can fail like this."),
    )
    code = models.CharField(_("code"), max_length=50, validators=[validate_code])
    name = models.CharField(_("name"), max_length=200)
    description = models.TextField(_("description"), blank=True)
    mechanism = models.CharField(_("usual mechanism"), max_length=200, blank=True)
    keywords = ArrayField(
        models.CharField(max_length=50),
        verbose_name=_("keywords"),
        default=list,
        blank=True,
        help_text=_("Words of a report that point to this mode, in small letters."),
    )
    typical_causes = ArrayField(
        models.CharField(max_length=200), verbose_name=_("typical causes"), default=list, blank=True
    )
    remedy = models.TextField(_("usual remedy"), blank=True)

    objects = FailureModeQuerySet.as_manager()

    class Meta:
        db_table = "failure_modes"
        verbose_name = _("failure mode")
        verbose_name_plural = _("failure modes")
        constraints = [
            models.UniqueConstraint(
                fields=["code"],
                condition=Q(deleted_at=None),
                name="uniq_failure_modes_code_living",
                violation_error_message=_("Another failure mode has this code."),
            ),
        ]

    def __str__(self) -> str:
        return self.name
