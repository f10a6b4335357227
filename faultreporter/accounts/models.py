import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Self

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.fields import ArrayField
from django.db import models, transaction
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from faultreporter.accounts.access import Scope, may
from faultreporter.accounts.errors import LastAdmin, TokenExpired, TokenRevoked, UserDisabled
from faultreporter.accounts.validators import validate_time_zone
from faultreporter.db import LivingQuerySet, SoftDeleteModel, TimeStampedModel, TimeStampedQuerySet
from faultreporter.locks import Lock, hold
from faultreporter.roles import Role

TOKEN_PREFIX = "frt_"  # noqa: S105 - public: it tells our tokens from Firebase's
NOTE_USE_EVERY = timedelta(minutes=1)
MAX_ENDED_SIGN_INS = 20


class UserQuerySet(LivingQuerySet["User"]):
    def active(self) -> Self:
        return self.living().filter(is_active=True)

    def admins(self) -> Self:
        return self.active().filter(role=Role.ADMIN)

    def for_user(self, user: "User") -> Self:
        """Managers and administrators see everybody; other people see themselves."""
        return self if user.role in (Role.ADMIN, Role.MANAGER) else self.filter(pk=user.pk)


class PeopleManager(BaseUserManager["User"]):
    @classmethod
    def normalize_email(cls, email: str | None) -> str:
        """Addresses are kept in lower case, so that one mailbox is one person."""
        return (email or "").strip().lower()

    def get_by_natural_key(self, username: str | None) -> "User":
        return User.objects.living().get(email=self.normalize_email(username))

    def create_user(self, *, email: str, password: str | None = None, **fields: Any) -> "User":
        """A new person. Without a password they can't use the back office's login form, only Firebase or API tokens."""
        user = User(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save(force_insert=True)
        return user

    def create_superuser(self, *, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email=email, password=password, **{**fields, "role": Role.ADMIN})


UserManager = PeopleManager.from_queryset(UserQuerySet)


class User(AbstractBaseUser, SoftDeleteModel):
    """A person of the facilities team, or one who reports a fault to it.

    The Firebase uid is what identifies a person who signs in from the phone; the e-mail address may change. Somebody
    without a uid yet is linked to it at the first sign-in with the same address, if Firebase has verified that.
    """

    Role = Role

    audited: ClassVar[bool] = True
    audit_masked: ClassVar[tuple[str, ...]] = ("password",)
    audit_ignored: ClassVar[tuple[str, ...]] = ("updated_at", "last_seen_at", "last_login")

    firebase_uid = models.CharField(  # noqa: DJ001 - unique, and many people have none
        _("Firebase uid"), max_length=128, null=True, blank=True, editable=False
    )
    email = models.EmailField(_("e-mail"))
    email_verified = models.BooleanField(_("e-mail verified"), default=False, editable=False)
    display_name = models.CharField(_("name"), max_length=120, blank=True)
    phone = models.CharField(_("phone"), max_length=32, blank=True)
    role = models.CharField(_("role"), max_length=10, choices=Role.choices, default=Role.REPORTER)
    language = models.CharField(_("language"), max_length=10, default="en")
    time_zone = models.CharField(_("time zone"), max_length=64, default="UTC", validators=[validate_time_zone])
    is_active = models.BooleanField(
        _("active"), default=True, help_text=_("Somebody who isn't active is refused everywhere, at once.")
    )
    # Every sign-in before this moment is refused, however long its tokens would still run.
    tokens_valid_after = models.DateTimeField(_("sign-ins valid after"), null=True, blank=True, editable=False)
    # Sign-ins (by Firebase's auth_time) that ended with a logout of that device.
    ended_sign_ins = ArrayField(models.BigIntegerField(), default=list, blank=True, editable=False)
    last_seen_at = models.DateTimeField(_("last seen"), null=True, blank=True, editable=False)

    objects = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = ["display_name"]

    class Meta:
        db_table = "users"
        verbose_name = _("person")
        verbose_name_plural = _("people")
        ordering = ("-created_at", "-id")
        constraints = [
            models.UniqueConstraint(fields=["firebase_uid"], name="uniq_users_firebase_uid"),
            models.UniqueConstraint(fields=["email"], condition=Q(deleted_at=None), name="uniq_users_email_living"),
            models.CheckConstraint(condition=Q(email=Lower("email")), name="check_users_email_lower_case"),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="check_users_role"),
            # is_active alone decides whether somebody gets in, wherever that is asked
            models.CheckConstraint(
                condition=Q(deleted_at=None) | Q(is_active=False),
                name="check_users_deleted_is_inactive",
                violation_error_message=_("A deleted person can't be active."),
            ),
        ]
        indexes = [
            # the list of people, newest first
            models.Index(fields=["-created_at", "-id"], name="idx_users_newest", condition=Q(deleted_at=None)),
        ]

    def __str__(self) -> str:
        return self.display_name or self.email

    def get_full_name(self) -> str:
        """By which the back office greets."""
        return str(self)

    @property
    def is_staff(self) -> bool:
        """May enter the back office."""
        return self.is_active and self.role in (Role.ADMIN, Role.MANAGER)

    @property
    def is_superuser(self) -> bool:
        return self.is_active and self.role == Role.ADMIN

    def has_perm(self, perm: str, obj: object | None = None) -> bool:
        return self.is_active and may(self.role, perm)

    def has_perms(self, perm_list: Sequence[str], obj: object | None = None) -> bool:
        return all(self.has_perm(perm, obj) for perm in perm_list)

    def has_module_perms(self, app_label: str) -> bool:
        return self.has_perm(f"{app_label}.view_module")

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """Also changes with `tokens_valid_after`: revoking somebody's sign-ins ends their back-office sessions too."""
        return salted_hmac(
            "faultreporter.accounts.session",
            f"{self.password}|{self.tokens_valid_after}",
            secret=secret,
            algorithm="sha256",
        ).hexdigest()

    def amend(self, *, by: "User | None", at: datetime, **changes: Any) -> None:
        """Write these fields. Somebody who stops being active has to sign in anew when they are let in again."""
        with transaction.atomic():
            was_admin = self._lock().is_superuser
            if self.is_active and changes.get("is_active") is False:
                changes["tokens_valid_after"] = at
            if changes.get("email", self.email) != self.email:
                changes["email_verified"] = False
            for field, value in changes.items():
                setattr(self, field, value)
            if was_admin and not self.is_superuser:
                self._require_another_admin()
            self.save(update_fields=list(changes))

    def soft_delete(self, *, by: "User | None", at: datetime) -> None:
        """Take the person out of every list and every session; their name stays on what they did."""
        with transaction.atomic():
            was_admin = self._lock().is_superuser
            if self.is_deleted:
                return
            if was_admin:
                self._require_another_admin()
            self.is_active, self.tokens_valid_after = False, at
            self.deleted_at, self.deleted_by = at, by
            self.save(update_fields=["is_active", "tokens_valid_after", "deleted_at", "deleted_by"])
            self.api_tokens.usable(at).update(revoked_at=at)

    def change_password(self, raw: str, *, by: "User | None", at: datetime) -> None:
        """Set the password of the back office's login form; every session of this person ends."""
        self.set_password(raw)
        self.save(update_fields=["password"])

    def revoke_sign_ins(self, *, by: "User | None", at: datetime) -> None:
        """End every sign-in, session and API token of this person; they may sign in again."""
        with transaction.atomic():
            self.tokens_valid_after, self.ended_sign_ins = at, []
            self.save(update_fields=["tokens_valid_after", "ended_sign_ins"])
            self.api_tokens.usable(at).update(revoked_at=at)

    def end_sign_in(self, *, auth_time: int, by: "User | None", at: datetime) -> None:
        """Log out one device: what Firebase signs for that sign-in isn't accepted any more."""
        with transaction.atomic():
            ended = {*self._lock().ended_sign_ins, auth_time}
            if len(ended) > MAX_ENDED_SIGN_INS:  # rather too much is ended than too little
                self.tokens_valid_after, ended = at, set()
            self.ended_sign_ins = sorted(ended)
            self.save(update_fields=["tokens_valid_after", "ended_sign_ins"])

    def require_active(self) -> None:
        if not self.is_active:
            raise UserDisabled(gettext("This account is disabled. An administrator can enable it again."))

    def require_current(self, auth_time: int) -> None:
        """Refuse a sign-in (made at that Unix second) that a logout, an administrator or deactivation has ended."""
        ended_before = self.tokens_valid_after.timestamp() if self.tokens_valid_after else 0
        if auth_time < ended_before or auth_time in self.ended_sign_ins:
            raise TokenRevoked(gettext("This sign-in was ended; sign in again."))

    def note_seen(self, at: datetime) -> None:
        """Remember when this person was last here, to the minute."""
        note_moment(User, self, "last_seen_at", at)

    def _lock(self) -> Self:
        """Hold this person's row until the transaction ends, and read what is stored in it now."""
        rows = User.objects.select_for_update(no_key=True)
        self.refresh_from_db(from_queryset=rows)  # type: ignore[arg-type]  # Self is User
        return self

    def _require_another_admin(self) -> None:
        """Refuse a change after which no active administrator would be left.

        The advisory lock lets only one such change be decided at a time, so that two administrators who demote each
        other at the same moment can't both succeed.
        """
        hold(Lock.ADMINISTRATORS)
        if not User.objects.admins().exclude(pk=self.pk).exists():
            raise LastAdmin(gettext("This is the last active administrator. Make somebody else administrator first."))


class ApiTokenQuerySet(TimeStampedQuerySet["ApiToken"]):
    def usable(self, at: datetime) -> Self:
        return self.filter(Q(expires_at=None) | Q(expires_at__gt=at), revoked_at=None)

    def for_user(self, user: User) -> Self:
        return self if user.role == Role.ADMIN else self.filter(user=user)

    def by_plain(self, plain: str) -> "ApiToken | None":
        """The token somebody presents, with its owner, in one index look-up whatever was presented."""
        return self.select_related("user").filter(digest=ApiToken.digest_of(plain)).first()


class ApiToken(TimeStampedModel):
    """A key that lets a program act as a person: an integration, a script, the demo.

    Only its SHA-256 is stored. That is enough for 256 random bits, which nobody can guess or look up in a table.
    """

    Scope = Scope

    audited: ClassVar[bool] = True
    audit_masked: ClassVar[tuple[str, ...]] = ("digest",)
    audit_ignored: ClassVar[tuple[str, ...]] = ("updated_at", "last_used_at")

    user = models.ForeignKey(User, models.PROTECT, related_name="api_tokens", verbose_name=_("acts as"))
    name = models.CharField(_("name"), max_length=100, help_text=_("What uses it."))
    prefix = models.CharField(_("begins with"), max_length=12, editable=False)
    digest = models.CharField(max_length=64, editable=False)
    scopes = ArrayField(models.CharField(max_length=10, choices=Scope.choices), verbose_name=_("scopes"))
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True, editable=False)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True, editable=False)

    plain = ""  # only where the token was made

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        db_table = "api_tokens"
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")
        ordering = ("-created_at", "-id")
        constraints = [
            # every request with a token looks it up here
            models.UniqueConstraint(fields=["digest"], name="uniq_api_tokens_digest"),
            models.CheckConstraint(
                condition=Q(scopes__contains=[Scope.READ]) & Q(scopes__contained_by=Scope.values),
                name="check_api_tokens_scopes",
                violation_error_message=_("An API token can READ, or READ and WRITE."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @staticmethod
    def digest_of(plain: str) -> str:
        return hashlib.sha256(plain.encode()).hexdigest()

    @classmethod
    def issue(
        cls,
        *,
        user: User,
        name: str,
        scopes: Sequence[str] = (Scope.READ, Scope.WRITE),
        expires_at: datetime | None = None,
    ) -> "tuple[ApiToken, str]":
        """A new token and its plain value, which can't be had again."""
        token = cls(user=user, name=name, scopes=sorted({Scope.READ, *scopes}), expires_at=expires_at)
        token.draw_secret()
        token.save(force_insert=True)
        return token, token.plain

    def draw_secret(self) -> None:
        """Give a new token its secret. The plain value lives in this object and nowhere else."""
        self.plain = TOKEN_PREFIX + secrets.token_urlsafe(32)
        self.prefix = self.plain[:12]
        self.digest = self.digest_of(self.plain)

    @property
    def is_read_only(self) -> bool:
        return Scope.WRITE not in self.scopes

    def is_usable(self, at: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or at < self.expires_at)

    def require_usable(self, at: datetime) -> None:
        if self.revoked_at is not None:
            raise TokenRevoked(gettext("This API token was revoked."))
        if not self.is_usable(at):
            raise TokenExpired(gettext("This API token has expired."))

    def revoke(self, *, by: User | None, at: datetime) -> None:
        """End the token for good. Doing it twice changes nothing."""
        if ApiToken.objects.filter(pk=self.pk, revoked_at=None).update(revoked_at=at):
            self.revoked_at = at

    def note_use(self, at: datetime) -> None:
        note_moment(ApiToken, self, "last_used_at", at)


def note_moment(model: type[models.Model], record: User | ApiToken, field: str, at: datetime) -> None:
    """Keep a "last" moment, written at most once a minute and never waited for: whoever holds the row is writing it.

    It isn't a change of the record, so `updated_at` stays.
    """
    known = getattr(record, field)
    if known is not None and at - known < NOTE_USE_EVERY:
        return
    stale = Q(**{field: None}) | Q(**{f"{field}__lte": at - NOTE_USE_EVERY})
    with transaction.atomic():
        free = model._base_manager.select_for_update(skip_locked=True, no_key=True).filter(stale, pk=record.pk)
        if free.exists():
            model._base_manager.filter(pk=record.pk).update(**{field: at})
    setattr(record, field, at)
