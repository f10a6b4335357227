"""What people are qualified for, and which machines ask for it."""

from datetime import date
from typing import Any, ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from equipment.models.catalogue import Category, validate_code
from faultreporter.accounts.models import User
from faultreporter.db import LivingQuerySet, SoftDeleteModel
from faultreporter.errors import ValidationFailed


class Skill(SoftDeleteModel):
    """A qualification that some machines ask for: refrigeration, high voltage, lifts."""

    audited: ClassVar[bool] = True

    code = models.CharField(_("code"), max_length=50, validators=[validate_code])
    name = models.CharField(_("name"), max_length=200)
    description = models.TextField(_("description"), blank=True)
    categories = models.ManyToManyField(
        Category, blank=True, related_name="skills", verbose_name=_("asked for by"),
        help_text=_("The kinds of machines whose work asks for this skill."),
    )  # fmt: skip

    objects = LivingQuerySet["Skill"].as_manager()

    class Meta:
        db_table = "skills"
        verbose_name = _("skill")
        verbose_name_plural = _("skills")
        constraints = [
            models.UniqueConstraint(
                fields=["code"],
                condition=Q(deleted_at=None),
                name="uniq_skills_code_living",
                violation_error_message=_("Another skill has this code."),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class PersonSkillQuerySet(LivingQuerySet["PersonSkill"]):
    def for_user(self, user: User) -> Self:
        """Managers and administrators see everybody's, other people their own."""
        return self if user.role in (User.Role.ADMIN, User.Role.MANAGER) else self.filter(user=user)

    def valid(self, on: date) -> Self:
        return self.living().filter(Q(valid_until=None) | Q(valid_until__gte=on), skill__deleted_at=None)

    def expired(self, on: date) -> Self:
        return self.living().filter(valid_until__lt=on)


class PersonSkill(SoftDeleteModel):
    """That a person has a skill; a certificate runs out on its last day."""

    audited: ClassVar[bool] = True

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="skills", verbose_name=_("person"))
    skill = models.ForeignKey(Skill, models.PROTECT, related_name="holders", verbose_name=_("skill"))
    valid_until = models.DateField(
        _("valid until"), null=True, blank=True, help_text=_("The last day of the certificate. Empty: for good.")
    )

    objects = PersonSkillQuerySet.as_manager()

    class Meta:
        db_table = "person_skills"
        verbose_name = _("skill of a person")
        verbose_name_plural = _("skills of people")
        constraints = [
            # Also answers "who has this skill" of a suggestion.
            models.UniqueConstraint(
                fields=["user", "skill"],
                condition=Q(deleted_at=None),
                name="uniq_person_skills_living",
                violation_error_message=_("This person has this skill already; change until when it is valid."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.skill}"

    def change(self, *, by: User | None, **fields: Any) -> None:
        for name in ("user", "skill"):
            if fields.pop(name, getattr(self, name)) != getattr(self, name):
                message = gettext("That would be another record; delete this one and add a new one.")
                raise ValidationFailed(message, field=f"{name}_id")
        for name, value in fields.items():
            setattr(self, name, value)
        if fields:
            self.save(update_fields=list(fields))

    def is_valid(self, on: date) -> bool:
        return self.valid_until is None or self.valid_until >= on
