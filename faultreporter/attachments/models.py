import re
import secrets
from datetime import datetime, timedelta
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, ClassVar, Final, Self

from django.conf import settings
from django.core.files.base import ContentFile
from django.db import DatabaseError, models, transaction
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from faultreporter.attachments.errors import AttachmentInUse
from faultreporter.attachments.images import SafeFile, make_safe
from faultreporter.db import TimeStampedModel, TimeStampedQuerySet

if TYPE_CHECKING:
    from faultreporter.accounts.models import User

API_PATH: Final = "/api/v1/attachments"
KEPT_UNUSED: Final = timedelta(days=7)
INVISIBLE: Final = re.compile("[\x00-\x1f\x7f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def storage_name(at: datetime, suffix: str) -> str:
    """A random name in a folder of the month, so nobody can guess a file and no folder grows for ever."""
    return f"attachments/{at:%Y/%m}/{secrets.token_urlsafe(24)}{suffix}"


def plain_name(name: str) -> str:
    """The last part of a file name as a person may see it: no folders, no control characters, at most 200 long."""
    return INVISIBLE.sub("", name).replace("\\", "/").split("/")[-1][:200]


class AttachmentQuerySet(TimeStampedQuerySet["Attachment"]):
    def for_user(self, user: "User") -> Self:
        """Every file: whoever is signed in and knows the unguessable id was given it by a record they could read."""
        return self.all()

    def of(self, user: "User") -> Self:
        return self.filter(uploaded_by=user)

    def unused(self) -> Self:
        """Those that no record of any app points at. A many-to-many counts through the foreign key of its own table."""
        rows = self
        for relation in Attachment._meta.get_fields(include_hidden=True):
            if isinstance(relation, models.ManyToOneRel):
                pointing = relation.related_model._base_manager.filter(**{relation.field.name: models.OuterRef("pk")})
                rows = rows.exclude(models.Exists(pointing))
        return rows

    def abandoned(self, at: datetime) -> Self:
        """Handed in more than a week before that moment and still hanging on nothing."""
        return self.filter(created_at__lt=at - KEPT_UNUSED).unused()

    def hand_in(self, *, content: bytes, name: str, by: "User | None", at: datetime) -> "Attachment":
        """Store what a person handed in, as the server wrote it anew; IMAGE_REJECTED when it is no picture or PDF."""
        attachment = Attachment()
        attachment.store(make_safe(content), name=name, by=by, at=at)
        return attachment


class Attachment(TimeStampedModel):
    """A photograph or a PDF that somebody handed in: a leaking valve, a nameplate, a wiring diagram.

    The file is what the server made of the upload (a photograph is decoded and written anew), never the bytes that
    arrived. Records of other apps point here; one that nothing points at is thrown away after a week.
    """

    class Kind(models.TextChoices):
        IMAGE = "IMAGE", _("Image")
        PDF = "PDF", _("PDF document")

    audited: ClassVar[bool] = True

    kind = models.CharField(_("kind"), max_length=10, choices=Kind.choices)
    file = models.FileField(_("file"), max_length=200)
    content_type = models.CharField(_("content type"), max_length=50)
    bytes = models.PositiveIntegerField(_("size in bytes"))
    width = models.PositiveIntegerField(_("width"), null=True, blank=True)
    height = models.PositiveIntegerField(_("height"), null=True, blank=True)
    sha256 = models.CharField(_("SHA-256"), max_length=64)
    original_name = models.CharField(_("original name"), max_length=200, blank=True)
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="attachments",
        verbose_name=_("uploaded by"),
    )

    objects = AttachmentQuerySet.as_manager()

    class Meta:
        db_table = "attachments"
        verbose_name = _("attachment")
        verbose_name_plural = _("attachments")
        ordering = ("-created_at", "-id")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kind="PDF", width=None, height=None)
                | models.Q(kind="IMAGE", width__gt=0, height__gt=0),
                name="check_attachments_image_has_size",
            ),
        ]
        indexes = [
            # the list of a person's own uploads, newest first
            models.Index(fields=["uploaded_by", "-created_at"], name="idx_attachments_own"),
            # the sweep for uploads that nothing uses
            models.Index(fields=["created_at"], name="idx_attachments_age"),
        ]

    def __str__(self) -> str:
        return self.original_name or str(self.id)

    @property
    def file_path(self) -> str:
        """Where on this host the file is read."""
        return f"{API_PATH}/{self.pk}/file"

    @property
    def download_name(self) -> str:
        """The name it came with, under the suffix of what it is now."""
        stem = PurePosixPath(self.original_name).stem or "attachment"
        return stem + PurePosixPath(str(self.file.name)).suffix

    def concerns(self, user: "User") -> bool:
        return self.uploaded_by_id == user.pk

    def store(self, safe: SafeFile, *, name: str, by: "User | None", at: datetime) -> None:
        """Become this file: write it, then the row. A row that can't be written leaves no file behind."""
        self.kind = self.Kind.PDF if safe.width is None else self.Kind.IMAGE
        self.content_type, self.bytes, self.sha256 = safe.content_type, len(safe.content), safe.sha256
        self.width, self.height = safe.width, safe.height
        self.original_name, self.uploaded_by, self.created_at = plain_name(name), by, at
        self.file.save(storage_name(at, safe.suffix), ContentFile(safe.content), save=False)
        try:
            with transaction.atomic():
                self.save(force_insert=True)
        except DatabaseError:
            self.file.storage.delete(str(self.file.name))
            raise

    def delete_unused(self) -> None:
        """Delete the row, and the file once that is committed. Refused while any record points here.

        The lock makes a record that attaches this file at the same moment wait, and fail on its foreign key.
        """
        with transaction.atomic():
            locked = Attachment.objects.select_for_update().get(pk=self.pk)
            if not Attachment.objects.filter(pk=self.pk).unused().exists():
                raise AttachmentInUse(gettext("A record uses this file. Take it off the record first."))
            storage, name = locked.file.storage, str(locked.file.name)
            locked.delete()
            transaction.on_commit(lambda: storage.delete(name))
