"""Places: the tree SITE > BUILDING > FLOOR > ROOM, with ZONE for a part of the first three."""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Self
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models, transaction
from django.db.models import F, Q
from django.db.models.functions import Upper
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from faultreporter.accounts.models import User
from faultreporter.accounts.validators import validate_time_zone
from faultreporter.db import LivingQuerySet, SoftDeleteModel
from faultreporter.errors import HasChildren, ValidationFailed
from locations.models.tree import at_or_below, ids_above, lock_tree
from locations.scope import hidden_site_ids
from locations.signals import location_deleting


class LocationQuerySet(LivingQuerySet["Location"]):
    def for_user(self, user: User) -> Self:
        hidden = hidden_site_ids(user)
        return self.exclude(Q(pk__in=hidden) | Q(site__in=hidden)) if hidden else self

    def sites(self) -> Self:
        return self.filter(kind=Location.Kind.SITE)

    def under(self, location_id: uuid.UUID) -> Self:
        """The location itself and everything below it."""
        return self.filter(pk__in=at_or_below(location_id))

    def as_tree(self) -> list[dict[str, Any]]:
        """The places as nested dictionaries, floors by level and rooms by code, in one query.

        A place whose parent is not among the rows is left out with everything below it.
        """
        columns = ("id", "kind", "code", "name", "floor_level", "parent_id")
        branches: dict[uuid.UUID | None, list[dict[str, Any]]] = {}
        for row in self.order_by(F("floor_level").asc(nulls_last=True), "code").values(*columns):
            branches.setdefault(row.pop("parent_id"), []).append(row)
        for node in (node for siblings in branches.values() for node in siblings):
            node["children"] = branches.get(node["id"], [])
        return branches.get(None, [])


class Location(SoftDeleteModel):
    """A place where a machine can stand: a site, a building on it, a floor, a room, or a zone that has no walls."""

    class Kind(models.TextChoices):
        SITE = "SITE", _("Site")
        BUILDING = "BUILDING", _("Building")
        FLOOR = "FLOOR", _("Floor")
        ROOM = "ROOM", _("Room")
        ZONE = "ZONE", _("Zone")

    # A kind never changes and every kind stands only under "larger" ones: a cycle cannot be built.
    PARENTS: ClassVar[dict[str, frozenset[str]]] = {
        Kind.SITE: frozenset(),
        Kind.BUILDING: frozenset({Kind.SITE}),
        Kind.FLOOR: frozenset({Kind.BUILDING}),
        Kind.ROOM: frozenset({Kind.FLOOR}),
        Kind.ZONE: frozenset({Kind.SITE, Kind.BUILDING, Kind.FLOOR}),
    }

    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    parent = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="children", verbose_name=_("parent")
    )
    site = models.ForeignKey(
        "self",
        models.PROTECT,
        null=True,
        blank=True,
        editable=False,
        related_name="+",
        verbose_name=_("site"),
        help_text=_("The root of the tree this place is in; empty for a site itself."),
    )
    code = models.CharField(
        _("code"),
        max_length=50,
        validators=[
            RegexValidator(r"^[A-Z0-9-]+\Z", _("Use capital letters, digits and hyphens only."), code="pattern")
        ],
    )
    name = models.CharField(_("name"), max_length=200)
    description = models.TextField(_("description"), blank=True)
    floor_level = models.SmallIntegerField(
        _("floor level"), null=True, blank=True, help_text=_("0 is the ground floor, −1 the first basement.")
    )
    latitude = models.FloatField(
        _("latitude"), null=True, blank=True, validators=[MinValueValidator(-90), MaxValueValidator(90)]
    )
    longitude = models.FloatField(
        _("longitude"), null=True, blank=True, validators=[MinValueValidator(-180), MaxValueValidator(180)]
    )
    address = models.CharField(_("address"), max_length=300, blank=True)
    time_zone = models.CharField(
        _("time zone"),
        max_length=64,
        blank=True,
        validators=[validate_time_zone],
        help_text=_("Of a site, as Europe/Berlin; quarters and business hours are counted in it."),
    )
    business_calendar = models.ForeignKey(
        "locations.BusinessCalendar", models.PROTECT, null=True, blank=True, related_name="sites",
        verbose_name=_("business calendar"),
        help_text=_("Of a site: when its people work. Left empty, the default calendar counts."),
    )  # fmt: skip
    open_to_all = models.BooleanField(
        _("open to all"),
        default=True,
        help_text=_("Of a site: every signed-in person sees it. Otherwise only its members and administrators."),
    )
    floor_plan = models.ForeignKey(
        "attachments.Attachment", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("floor plan")
    )
    plan_x = models.FloatField(
        _("pin x"),
        null=True,
        blank=True,
        validators=[MinValueValidator(0), MaxValueValidator(1)],
        help_text=_("Where this place is on the plan of the one above: 0 is the left edge, 1 the right."),
    )
    plan_y = models.FloatField(
        _("pin y"),
        null=True,
        blank=True,
        validators=[MinValueValidator(0), MaxValueValidator(1)],
        help_text=_("0 is the upper edge, 1 the lower."),
    )

    objects = LocationQuerySet.as_manager()

    audited: ClassVar[bool] = True

    class Meta:
        db_table = "locations"
        verbose_name = _("location")
        verbose_name_plural = _("locations")
        constraints = [
            models.UniqueConstraint(
                fields=["code"],
                condition=Q(deleted_at=None),
                name="uniq_locations_code_living",
                violation_error_message=_("Another place has this code."),
            ),
            models.CheckConstraint(
                condition=Q(kind="SITE", parent=None, site=None)
                | (~Q(kind="SITE") & Q(parent__isnull=False, site__isnull=False)),
                name="check_locations_root",
                violation_error_message=_("A site stands alone; every other place is in one."),
            ),
            models.CheckConstraint(
                condition=(Q(kind="SITE") & ~Q(time_zone="")) | (~Q(kind="SITE") & Q(time_zone="")),
                name="check_locations_time_zone",
                violation_error_message=_("A site needs a time zone; no other place has one of its own."),
            ),
            models.CheckConstraint(
                condition=Q(latitude=None, longitude=None)
                | Q(latitude__gte=-90, latitude__lte=90, longitude__gte=-180, longitude__lte=180),
                name="check_locations_coordinates",
                violation_error_message=_("Give both coordinates, within ±90 and ±180 degrees, or none."),
            ),
            models.CheckConstraint(
                condition=Q(plan_x=None, plan_y=None) | Q(plan_x__gte=0, plan_x__lte=1, plan_y__gte=0, plan_y__lte=1),
                name="check_locations_pin",
                violation_error_message=_("Give both pin coordinates, from 0 to 1, or none."),
            ),
        ]
        indexes = [
            # GET /locations and the admin list, newest first
            models.Index(fields=["-created_at", "-id"], name="idx_locations_list", condition=Q(deleted_at=None)),
            # ?search= on code and name (icontains is UPPER(…) LIKE UPPER(…))
            GinIndex(
                OpClass(Upper("code"), name="gin_trgm_ops"),
                OpClass(Upper("name"), name="gin_trgm_ops"),
                name="idx_locations_search",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.code})"

    @property
    def root_id(self) -> uuid.UUID:
        """The site this place belongs to: its own id for a site."""
        return self.site_id or self.pk

    @property
    def geo_uri(self) -> str | None:
        """RFC 5870, what a phone opens in its map; None where nobody entered coordinates."""
        return None if self.latitude is None else f"geo:{self.latitude:.6f},{self.longitude:.6f}"

    def zone_info(self) -> ZoneInfo:
        """The site's time zone, for a place anywhere below it (loads the site if needed)."""
        site = self.site or self
        return ZoneInfo(site.time_zone)

    def line(self) -> list["Location"]:
        """From the site down to this place, with their floor plans, in one query however deep the tree is."""
        found = Location.objects.filter(pk__in=ids_above(self.pk)).select_related("floor_plan").in_bulk()
        line, step = [], found.get(self.pk)
        while step:
            line.append(step)
            step = found.pop(step.parent_id, None) if step.parent_id else None
        return line[::-1]

    def ancestors(self) -> list["Location"]:
        """From the site down to the parent."""
        return self.line()[:-1]

    def descendants(self) -> LocationQuerySet:
        """Everything below this place, itself left out."""
        return Location.objects.under(self.pk).exclude(pk=self.pk)

    @classmethod
    def add(cls, *, by: User | None, **fields: Any) -> "Location":
        """A new place under `parent`; the site follows from it."""
        location = cls(**fields)
        location.register(by=by)
        return location

    def register(self, *, by: User | None) -> None:
        """Stores a place that was only filled in so far."""
        with transaction.atomic():
            lock_tree()
            self._stand_under(self.parent)
            if self.kind == self.Kind.SITE:
                self.time_zone = self.time_zone or settings.TIME_ZONE
            self._check_details()
            self.save(force_insert=True)
            self._keep_in_sight(by)

    def change(self, *, by: User | None, **fields: Any) -> None:
        """Edits the given fields; a new `parent` moves the whole subtree."""
        with transaction.atomic():
            self._lock()
            if fields.pop("kind", self.kind) != self.kind:
                raise ValidationFailed(gettext("The kind of a place never changes."), field="kind")
            parent = fields.pop("parent", self.parent)
            for name, value in fields.items():
                setattr(self, name, value)
            self._check_details()
            if fields:
                self.save(update_fields=list(fields))
                self._keep_in_sight(by)
            if (parent and parent.pk) != self.parent_id:
                self.move_to(parent, by=by)

    def move_to(self, parent: "Location | None", *, by: User | None) -> None:
        """Hangs this place and all below it under another parent, and keeps everybody's site right."""
        with transaction.atomic():
            self._lock()
            self._stand_under(parent)
            self.save(update_fields=["parent", "site"])
            self.descendants().update(site=self.root_id)

    def set_floor_plan(self, *, by: User | None, pins: Sequence[Mapping[str, Any]] = (), **fields: Any) -> None:
        """Another picture (`attachment`, or None), and where the places directly inside are on it."""
        with transaction.atomic():
            self._lock()
            if "attachment" in fields:
                self.floor_plan = fields["attachment"]
                self.save(update_fields=["floor_plan"])
            children = self.children.living().in_bulk([pin["location_id"] for pin in pins])
            for number, pin in enumerate(pins):
                if (child := children.get(pin["location_id"])) is None:
                    message = gettext("There is no such place directly inside this one.")
                    raise ValidationFailed(message, field=f"pins[{number}].location_id")
                child.change(by=by, plan_x=pin["x"], plan_y=pin["y"])

    def soft_delete(self, *, by: User | None, at: datetime) -> None:
        """Refused with HAS_CHILDREN while living places, or machines (asked through the signal), are in it."""
        with transaction.atomic():
            self._lock()
            if self.children.living().exists():
                raise HasChildren(gettext("There are places inside; move or delete them first."))
            location_deleting.send(sender=Location, location=self, by=by)
            super().soft_delete(by=by, at=at)

    def restore(self, *, by: User | None, at: datetime) -> None:
        with transaction.atomic():
            self._lock()
            if self.parent and self.parent.deleted_at:
                raise ValidationFailed(
                    gettext("The place it stood in is deleted; restore that first."), field="parent_id"
                )
            super().restore(by=by, at=at)

    def _lock(self) -> None:
        lock_tree()
        self.refresh_from_db(from_queryset=Location.objects.select_for_update(of=("self",)))

    def _keep_in_sight(self, by: User | None) -> None:
        """Whoever closes a site to others works on it, or would lose it from sight with the same click."""
        if by and not self.open_to_all:
            self.memberships.get_or_create(user=by)

    def _stand_under(self, parent: "Location | None") -> None:
        """Sets parent and site after checking the parent rule. The tree is locked."""
        allowed = self.PARENTS[self.kind]
        if parent is None:
            if allowed:
                raise ValidationFailed(gettext("Only a site stands alone; name the place it is in."), field="parent_id")
            self.parent = self.site = None
            return
        parent.refresh_from_db()
        if parent.deleted_at:
            raise ValidationFailed(gettext("This place is deleted."), field="parent_id")
        if parent.kind not in allowed:
            message = gettext("A %(kind)s cannot stand in a %(parent)s.")
            names = {"kind": self.get_kind_display().lower(), "parent": parent.get_kind_display().lower()}
            raise ValidationFailed(message % names, field="parent_id")
        self.parent = parent
        self.site_id = parent.root_id

    def _check_details(self) -> None:
        """The rules that tie several fields together, so that the answer names a field and not a constraint."""
        if (self.latitude is None) != (self.longitude is None):
            raise ValidationFailed(gettext("Give both coordinates or none."), field="longitude")
        if (self.plan_x is None) != (self.plan_y is None):
            raise ValidationFailed(gettext("Give both pin coordinates or none."), field="plan_y")
        if self.time_zone and self.kind != self.Kind.SITE:
            raise ValidationFailed(gettext("Only a site has a time zone of its own."), field="time_zone")
        if not self.time_zone and self.kind == self.Kind.SITE:
            raise ValidationFailed(gettext("A site needs a time zone."), field="time_zone")
        if self.business_calendar_id and self.kind != self.Kind.SITE:
            raise ValidationFailed(gettext("Only a site has a business calendar."), field="business_calendar_id")
        if not self.open_to_all and self.kind != self.Kind.SITE:
            raise ValidationFailed(gettext("Only a site can be closed to others."), field="open_to_all")
