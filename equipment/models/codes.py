"""The general catalogues a finding is coded with, beside the failure mode: how it came to it, why, what was done."""

from typing import ClassVar, Self, TypeVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from equipment.models.catalogue import validate_code
from faultreporter.db import LivingQuerySet, SoftDeleteModel

Entry = TypeVar("Entry", bound="Code")


class CodeQuerySet(LivingQuerySet[Entry]):
    def offered(self) -> Self:
        """What pickers show: living, and not put out of use."""
        return self.living().filter(active=True)


class Code(SoftDeleteModel):
    """One entry of a catalogue. Put out of use it stays readable where it was said."""

    audited: ClassVar[bool] = True

    code = models.CharField(_("code"), max_length=50, validators=[validate_code])
    name = models.CharField(_("name"), max_length=200)
    description = models.TextField(_("description"), blank=True)
    active = models.BooleanField(_("in use"), default=True, help_text=_("Only these can be chosen."))

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.name


def unique_code(table: str) -> models.UniqueConstraint:
    return models.UniqueConstraint(
        fields=["code"],
        condition=Q(deleted_at=None),
        name=f"uniq_{table}_code_living",
        violation_error_message=_("Another entry has this code."),
    )


class FailureMechanism(Code):
    """The process that led to a failure: wear, corrosion, a short circuit. The mode is what it looked like."""

    class Group(models.TextChoices):
        MECHANICAL = "MECHANICAL", _("Mechanical")
        MATERIAL = "MATERIAL", _("Material")
        INSTRUMENT = "INSTRUMENT", _("Measurement and control")
        ELECTRICAL = "ELECTRICAL", _("Electrical")
        PROCESS = "PROCESS", _("Flow and heat")
        OUTSIDE = "OUTSIDE", _("From outside")
        OTHER = "OTHER", _("Other")

    group = models.CharField(_("group"), max_length=12, choices=Group, default=Group.OTHER)

    objects = CodeQuerySet["FailureMechanism"].as_manager()

    class Meta:
        db_table = "failure_mechanisms"
        verbose_name = _("failure mechanism")
        verbose_name_plural = _("failure mechanisms")
        constraints = [unique_code("failure_mechanisms")]


class FailureCause(Code):
    """Why the mechanism could act at all: a circumstance that one could have changed."""

    class Group(models.TextChoices):
        DESIGN = "DESIGN", _("Design")
        INSTALLATION = "INSTALLATION", _("Making and installing")
        OPERATION = "OPERATION", _("Operation")
        MAINTENANCE = "MAINTENANCE", _("Maintenance")
        AGEING = "AGEING", _("Ageing")
        OUTSIDE = "OUTSIDE", _("From outside")
        OTHER = "OTHER", _("Other")

    group = models.CharField(_("group"), max_length=12, choices=Group, default=Group.OTHER)

    objects = CodeQuerySet["FailureCause"].as_manager()

    class Meta:
        db_table = "failure_causes"
        verbose_name = _("failure cause")
        verbose_name_plural = _("failure causes")
        constraints = [unique_code("failure_causes")]


class Remedy(Code):
    """What was done about it: replaced, repaired, adjusted, cleaned."""

    objects = CodeQuerySet["Remedy"].as_manager()

    class Meta:
        db_table = "remedies"
        verbose_name = _("remedy")
        verbose_name_plural = _("remedies")
        constraints = [unique_code("remedies")]
