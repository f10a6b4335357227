import uuid
from typing import Any, ClassVar, Self

from django.db import connection, models, transaction
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from equipment.models.equipment import Equipment
from faultreporter.accounts.models import User
from faultreporter.attachments.models import Attachment
from faultreporter.db import LivingQuerySet, SoftDeleteModel
from faultreporter.errors import ErrorDetail, InvalidTransition, ValidationFailed

MAX_HOTSPOTS = 500
HOTSPOT_FIELDS = {"x", "y", "w", "h", "label", "equipment_id"}
# 0.1 + 0.9 is a little more than 1 in floating point.
ROUNDING = 1e-9

REVISIONS_SQL = """
WITH RECURSIVE older(id, supersedes_id) AS (
    SELECT id, supersedes_id FROM technical_diagrams WHERE id = %(id)s
    UNION
    SELECT below.id, below.supersedes_id FROM technical_diagrams below JOIN older ON below.id = older.supersedes_id
), newer(id) AS (
    SELECT id FROM technical_diagrams WHERE id = %(id)s
    UNION
    SELECT above.id FROM technical_diagrams above JOIN newer ON above.supersedes_id = newer.id
) SELECT id FROM older UNION SELECT id FROM newer"""


class DiagramQuerySet(LivingQuerySet["TechnicalDiagram"]):
    def for_user(self, user: User) -> Self:
        return self.filter(equipment__in=Equipment.objects.for_user(user))

    def current(self) -> Self:
        """The newest revision of each drawing."""
        newer = TechnicalDiagram.objects.living().filter(supersedes=models.OuterRef("pk"))
        return self.filter(~models.Exists(newer))


class TechnicalDiagram(SoftDeleteModel):
    """One revision of a drawing of a machine: wiring, piping, an exploded view. Regions lead to other machines."""

    class Kind(models.TextChoices):
        ELECTRICAL = "ELECTRICAL", _("Electrical")
        PIPING = "PIPING", _("Piping")
        MECHANICAL = "MECHANICAL", _("Mechanical")
        CONTROL = "CONTROL", _("Control")
        LAYOUT = "LAYOUT", _("Layout")
        MANUAL = "MANUAL", _("Manual")
        OTHER = "OTHER", _("Other")

    audited: ClassVar[bool] = True

    equipment = models.ForeignKey(Equipment, models.PROTECT, related_name="diagrams", verbose_name=_("equipment"))
    title = models.CharField(_("title"), max_length=200)
    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices, default=Kind.OTHER)
    version = models.PositiveIntegerField(_("version"), default=1, editable=False)
    attachment = models.ForeignKey(Attachment, models.PROTECT, related_name="+", verbose_name=_("file"))
    hotspots = models.JSONField(
        _("hotspots"),
        default=list,
        blank=True,
        help_text=_("Regions as fractions of the picture: x, y, w, h in 0..1, label, equipment_id."),
    )
    supersedes = models.ForeignKey(
        "self",
        models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="revisions",
        verbose_name=_("supersedes"),
    )

    objects = DiagramQuerySet.as_manager()

    class Meta:
        db_table = "technical_diagrams"
        verbose_name = _("technical diagram")
        verbose_name_plural = _("technical diagrams")
        constraints = [
            # Two people revise at once: the second is told, and starts from the new one.
            models.UniqueConstraint(
                fields=["supersedes"], condition=Q(deleted_at=None), name="uniq_technical_diagrams_supersedes_living"
            ),
        ]
        indexes = [
            # GET /technical-diagrams, newest first
            models.Index(fields=["-created_at", "-id"], condition=Q(deleted_at=None), name="idx_diagrams_list"),
        ]

    def __str__(self) -> str:
        return f"{self.title} (v{self.version})"

    @classmethod
    def add(cls, *, by: User | None, **fields: Any) -> "TechnicalDiagram":
        diagram = cls(**fields)
        diagram.register(by=by)
        return diagram

    def register(self, *, by: User | None) -> None:
        """Stores a drawing that was only filled in so far."""
        check_hotspots(self.hotspots)
        self.save(force_insert=True)

    def change(self, *, by: User | None, **fields: Any) -> None:
        """Corrects title, kind or hotspots; a new drawing is a new revision."""
        for name in ("equipment", "attachment"):
            if fields.get(name, getattr(self, name)) != getattr(self, name):
                raise ValidationFailed(gettext("That would be another drawing; add a revision."), field=f"{name}_id")
        for name, value in fields.items():
            setattr(self, name, value)
        check_hotspots(self.hotspots)
        self.save(update_fields=list(fields))

    def revise(self, *, by: User | None, attachment: Attachment, **fields: Any) -> "TechnicalDiagram":
        """The next revision; this one stays readable, its hotspots carry over unless new ones are given."""
        with transaction.atomic():
            self.refresh_from_db(from_queryset=TechnicalDiagram.objects.select_for_update(of=("self",)))
            if self.revisions.living().exists():
                raise InvalidTransition(
                    gettext("There is a newer revision already; revise that one."),
                    source=f"v{self.version}", target=f"v{self.version + 1}", allowed=[],
                )  # fmt: skip
            carried = {name: getattr(self, name) for name in ("equipment", "title", "kind", "hotspots")}
            return TechnicalDiagram.add(
                by=by, **{**carried, **fields}, attachment=attachment, version=self.version + 1, supersedes=self
            )

    def history(self) -> list["TechnicalDiagram"]:
        """Every living revision of this drawing, newest first."""
        with connection.cursor() as cursor:
            cursor.execute(REVISIONS_SQL, {"id": self.pk})
            ids = [row[0] for row in cursor.fetchall()]
        return list(TechnicalDiagram.objects.living().filter(pk__in=ids).order_by("-version"))


def check_hotspots(hotspots: Any) -> None:
    """Every region is a rectangle inside the picture with a label; each wrong one is named."""
    if not isinstance(hotspots, list) or len(hotspots) > MAX_HOTSPOTS:
        raise ValidationFailed(gettext("Give a list of at most %d regions.") % MAX_HOTSPOTS, field="hotspots")
    wrong = [(number, fault) for number, region in enumerate(hotspots) if (fault := _fault_of(region))]
    if wrong:
        raise ValidationFailed(
            gettext("Some regions are not usable."),
            details=[
                ErrorDetail(f"hotspots[{number}]{field}", "invalid", message) for number, (field, message) in wrong
            ],
        )


def _fault_of(region: Any) -> tuple[str, str] | None:
    """The first wrong field of a region and what is wrong with it."""
    if not isinstance(region, dict) or not set(region) <= HOTSPOT_FIELDS:
        return "", gettext("A region has x, y, w, h, label and, if it leads to a machine, equipment_id.")
    for name in ("x", "y", "w", "h"):
        value = region.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            return f".{name}", gettext("A number from 0 to 1 is needed.")
    for start, size in (("x", "w"), ("y", "h")):
        if region[size] == 0 or region[start] + region[size] > 1 + ROUNDING:
            return f".{size}", gettext("The region is empty or reaches over the edge of the picture.")
    label = region.get("label")
    if not isinstance(label, str) or not 0 < len(label.strip()) <= 100:
        return ".label", gettext("A label of 1 to 100 characters is needed.")
    if not _is_uuid_or_none(region.get("equipment_id")):
        return ".equipment_id", gettext("This is no UUID.")
    return None


def _is_uuid_or_none(value: Any) -> bool:
    try:
        return value is None or bool(uuid.UUID(value))
    except (ValueError, TypeError, AttributeError):
        return False
