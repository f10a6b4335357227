"""Who may send readings."""

import hashlib
import secrets
import uuid
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any, ClassVar, Self

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models, transaction
from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from equipment.models import Equipment
from faultreporter.accounts.models import User
from faultreporter.db import LivingQuerySet, SoftDeleteModel
from faultreporter.errors import ValidationFailed

ROTATION_GRACE = timedelta(days=7)
Machines = Collection[Equipment] | QuerySet[Equipment]
NOTE_USE_EVERY = timedelta(minutes=1)


def digest_of(plain: str) -> str:
    """The keys are 256 random bits, so a plain hash is enough: there is nothing to guess."""
    return hashlib.sha256(plain.encode()).hexdigest()


class DeviceKeyQuerySet(LivingQuerySet["DeviceKey"]):
    def for_user(self, user: User) -> Self:
        return self if user.role in (User.Role.ADMIN, User.Role.MANAGER) else self.none()

    def holding(self, digests: Iterable[str]) -> Self:
        digests = list(digests)
        return self.living().filter(Q(digest__in=digests) | Q(previous_digest__in=digests))

    def named(self, device_ids: Iterable[str]) -> Self:
        """Those that a broker's topics name; a deleted one is no longer named."""
        return self.living().filter(device_id__in=[name for name in device_ids if name])


class DeviceKey(SoftDeleteModel):
    """The key a gateway sends its readings with, and the machines it may speak for.

    Only digests are kept. Rotating gives a new key while the old one stays valid for a week, so that a gateway can be
    changed over without a gap; deleting refuses both at once.
    """

    audited: ClassVar[bool] = True
    audit_masked: ClassVar[tuple[str, ...]] = ("digest", "previous_digest")
    audit_ignored: ClassVar[tuple[str, ...]] = ("updated_at", "last_used_at")

    name = models.CharField(_("name"), max_length=100)
    device_id = models.CharField(
        _("device id"),
        max_length=64,
        blank=True,
        default="",
        validators=[
            RegexValidator(
                r"\A[A-Za-z0-9][A-Za-z0-9_.-]*\Z",
                _("Use letters, digits, underscores, dots and hyphens, a letter or digit first."),
                code="pattern",
            )
        ],
        help_text=_("What a gateway that speaks MQTT is called in its topics: fr/v1/<device id>/telemetry."),
    )
    prefix = models.CharField(
        _("prefix"), max_length=12, editable=False, help_text=_("How the key begins, to tell keys apart.")
    )
    digest = models.CharField(max_length=64, editable=False)
    previous_digest = models.CharField(max_length=64, null=True, blank=True, editable=False)  # noqa: DJ001 - unique
    previous_expires_at = models.DateTimeField(_("previous key valid until"), null=True, blank=True, editable=False)
    all_equipment = models.BooleanField(
        _("all equipment"),
        default=False,
        help_text=_("May send readings of every machine; otherwise only of those listed."),
    )
    equipment = models.ManyToManyField(Equipment, blank=True, related_name="device_keys", verbose_name=_("equipment"))
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, editable=False, related_name="+",
        verbose_name=_("created by"),
    )  # fmt: skip
    last_used_at = models.DateTimeField(_("last used at"), null=True, blank=True, editable=False)

    objects = DeviceKeyQuerySet.as_manager()

    class Meta:
        db_table = "device_keys"
        verbose_name = _("device key")
        verbose_name_plural = _("device keys")
        ordering = ("-created_at", "-id")
        constraints = [
            # both are what a request's key is found by
            models.UniqueConstraint(fields=["digest"], name="uniq_device_keys_digest"),
            models.UniqueConstraint(fields=["previous_digest"], name="uniq_device_keys_previous_digest"),
            # what the bridge finds a message's gateway by
            models.UniqueConstraint(
                fields=["device_id"],
                condition=Q(deleted_at=None) & ~Q(device_id=""),
                name="uniq_device_keys_device_id_living",
                violation_error_message=_("Another gateway has this device id."),
            ),
            models.CheckConstraint(
                condition=Q(previous_digest=None, previous_expires_at=None)
                | Q(previous_digest__isnull=False, previous_expires_at__isnull=False),
                name="check_device_keys_previous",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @classmethod
    def issue(
        cls, *, name: str, by: User | None, equipment: Iterable[Equipment] = (), **fields: Any
    ) -> "tuple[DeviceKey, str]":
        """A new key and its plain text, which is shown once and stored nowhere."""
        key, equipment = cls(name=name, **fields), list(equipment)
        key.check_reach(equipment)
        with transaction.atomic():
            plain = key.issue_as(by=by)
            key.equipment.set(equipment)
        return key, plain

    def issue_as(self, *, by: User | None) -> str:
        """Stores this new record with a key of its own, and answers the key."""
        self.created_by = by
        plain = self._draw()
        self.save(force_insert=True)
        return plain

    def rotate(self, *, by: User | None, at: datetime) -> str:
        """The plain text of a new key; the present one stays valid for ROTATION_GRACE, one before it no longer."""
        with transaction.atomic():
            self.refresh_from_db(from_queryset=DeviceKey.objects.select_for_update(of=("self",)))
            if self.deleted_at:
                raise ValidationFailed(gettext("This key is deleted; issue a new one."))
            self.previous_digest, self.previous_expires_at = self.digest, at + ROTATION_GRACE
            plain = self._draw()
            self.save(update_fields=["digest", "prefix", "previous_digest", "previous_expires_at"])
        return plain

    def change(self, *, by: User | None, equipment: Machines | None = None, **changes: Any) -> None:
        with transaction.atomic():
            for name, value in changes.items():
                setattr(self, name, value)
            if equipment is not None or "all_equipment" in changes:
                self.check_reach(self.equipment.all() if equipment is None else equipment)
            self.save(update_fields=list(changes))
            if equipment is not None:
                self.equipment.set(equipment)

    def check_reach(self, equipment: Machines) -> None:
        """Refuses a key that could send nothing."""
        if not (self.all_equipment or equipment):
            message = gettext("Name the machines that this key may send for, or allow it all equipment.")
            raise ValidationFailed(message, field="equipment_ids")

    def allowed_equipment(self) -> frozenset[uuid.UUID] | None:
        """The machines it may speak for; None for every machine."""
        return None if self.all_equipment else frozenset(self.equipment.values_list("pk", flat=True))

    def accepts(self, digest: str, *, at: datetime) -> bool:
        if digest == self.digest:
            return True
        return digest == self.previous_digest and self.previous_expires_at is not None and self.previous_expires_at > at

    def note_use(self, *, at: datetime) -> None:
        """Remembers when it was last used, at most once a minute, and leaves the row's version alone."""
        if self.last_used_at is not None and self.last_used_at >= at - NOTE_USE_EVERY:
            return
        stale = Q(last_used_at=None) | Q(last_used_at__lt=at - NOTE_USE_EVERY)
        DeviceKey.objects.filter(stale, pk=self.pk).update(last_used_at=at, updated_at=F("updated_at"))
        self.last_used_at = at

    def _draw(self) -> str:
        plain = "frd_" + secrets.token_urlsafe(32)
        self.digest, self.prefix = digest_of(plain), plain[:12]
        return plain
