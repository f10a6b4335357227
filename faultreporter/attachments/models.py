import secrets
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, Self

from django.conf import settings
from django.db import models, transaction
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from faultreporter.attachments.errors import AttachmentInUse
from faultreporter.db import TimeStampedModel, TimeStampedQuerySet

if TYPE_CHECKING:
    from faultreporter.accounts.models import User


def storage_name(at: datetime, suffix: str) -> str:
    """A random name in a folder of the month, so nobody can guess a file and no folder grows for ever."""
    return f"attachments/{at:%Y/%m}/{secrets.token_urlsafe(24)}{suffix}"


class AttachmentQuerySet(TimeStampedQuerySet["Attachment"]):
    def of(self, user: "User") -> Self:
        return self.filter(uploaded_by=user)

    def for_user(self, user: "User") -> Self:
        """Every file: whoever is signed in and knows the unguessable id was given it by a record they could read."""
        return self.all()

    def unused(self) -> Self:
        """Those that no record of any app points at. A many-to-many counts through the foreign key of its own table."""
        rows = self
        for relation in Attachment._meta.get_fields(include_hidden=True):
            if isinstance(relation, models.ManyToOneRel):
                pointing = relation.related_model._base_manager.filter(**{relation.field.name: models.OuterRef("pk")})
                rows = rows.exclude(models.Exists(pointing))
        return rows

    def abandoned(self, before: datetime) -> Self:
        """Handed in before that moment and still hanging on nothing."""
        return self.filter(created_at__lt=before).unused()


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

    def delete_unused(self) -> None:
        """Delete the row, and the file once that is committed. Refused while any record points here.

        The lock makes a record that attaches this file at the same moment wait, and fail on its foreign key.
        """
        with transaction.atomic():
            locked = Attachment.objects.select_for_update().get(pk=self.pk)
            if not Attachment.objects.filter(pk=self.pk).unused().exists():
                raise AttachmentInUse(gettext("A record uses this file. Take it off the record first."))
            storage, name = locked.file.storage, locked.file.name
            locked.delete()
            transaction.on_commit(lambda: storage.delete(name))
