"""Who changed what, when and from where; written by the database itself, sealed so that changes to it show."""

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.utils.translation import gettext_lazy as _


class AuditSeal(models.Model):
    """A seal over a batch of audit entries: `digest` is sha256 of the seal before it and the entries' lines.

    Whoever changes or removes a sealed entry, or a seal, breaks the chain from there on. A seal kept outside the
    database (`verify_audit` prints the last one) also proves that the whole chain wasn't written anew.
    """

    # Counted by the sealing itself, without gaps: a missing number is a missing seal.
    id = models.BigIntegerField(primary_key=True)
    sealed_at = models.DateTimeField(_("sealed at"))
    row_count = models.PositiveIntegerField(_("entries"))
    previous_digest = models.BinaryField(_("previous digest"), max_length=32)
    digest = models.BinaryField(_("digest"), max_length=32)

    class Meta:
        db_table = "audit_seals"
        ordering = ["-id"]
        verbose_name = _("audit seal")
        verbose_name_plural = _("audit seals")
        constraints = [
            # A chain, never a tree.
            models.UniqueConstraint(fields=["previous_digest"], name="uniq_audit_seals_previous_digest"),
            models.CheckConstraint(condition=models.Q(row_count__gt=0), name="check_audit_seals_not_empty"),
        ]

    def __str__(self) -> str:
        return f"{self.pk}:{bytes(self.digest).hex()}"


class ChainEnd(models.Model):
    """The one row that says which seal is the last, so that cutting seals off the end of the chain shows too."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    seal_id = models.BigIntegerField(_("last seal"))
    digest = models.BinaryField(_("digest"), max_length=32)

    class Meta:
        db_table = "audit_chain_end"
        verbose_name = _("end of the chain of seals")
        verbose_name_plural = _("end of the chain of seals")
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="check_audit_chain_end_single")]

    def __str__(self) -> str:
        return f"{self.seal_id}:{bytes(self.digest).hex()}"


class AuditLog(models.Model):
    """One change of one row: `changes` holds `{column: [old, new]}`, secrets as `***`.

    Rows are written by the trigger `audit_row` on every table whose model says `audited = True`, so bulk and raw
    writes are here too. `acting()` tells the trigger who it is; a change made past the application has the source
    DATABASE and no actor. The table is append-only; only the seal may be filled in, once.
    """

    class Source(models.TextChoices):
        API = "API", _("API")
        ADMIN = "ADMIN", _("Back office")
        TASK = "TASK", _("Background task")
        COMMAND = "COMMAND", _("Command line")
        DATABASE = "DATABASE", _("Database")

    class Action(models.TextChoices):
        INSERT = "INSERT", _("Created")
        UPDATE = "UPDATE", _("Changed")
        DELETE = "DELETE", _("Removed")

    id = models.BigAutoField(primary_key=True)
    xid = models.BigIntegerField(_("transaction"))
    occurred_at = models.DateTimeField(_("occurred at"))
    actor_id = models.UUIDField(_("actor"), null=True, blank=True)
    source = models.CharField(_("source"), max_length=10, choices=Source)
    request_id = models.CharField(_("request id"), max_length=200, blank=True)
    ip = models.GenericIPAddressField(_("IP address"), null=True, blank=True)
    entity_type = models.CharField(_("table"), max_length=63)
    entity_id = models.TextField(_("row"))
    action = models.CharField(_("action"), max_length=6, choices=Action)
    changes = models.JSONField(_("changes"))
    # The `updated_at` that the change gave the row: which entries came after the version somebody has read.
    row_version = models.DateTimeField(_("version of the row"), null=True, blank=True)
    seal = models.ForeignKey(
        AuditSeal,
        models.PROTECT,
        null=True,
        blank=True,
        db_index=False,  # idx_audit_logs_seal
        verbose_name=_("seal"),
        related_name="entries",
    )

    class Meta:
        db_table = "audit_logs"
        ordering = ["-id"]
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit log")
        indexes = [
            # What sealing takes next (no seal yet), and what a seal covers.
            models.Index(fields=["seal", "id"], name="idx_audit_logs_seal"),
            # The history of one record.
            models.Index(fields=["entity_id", "-id"], name="idx_audit_logs_record"),
            # What happened to one table.
            models.Index(fields=["entity_type", "-id"], name="idx_audit_logs_table"),
            # What one person did.
            models.Index(fields=["actor_id", "-id"], name="idx_audit_logs_actor"),
            # What happened in a time range; rows arrive in order of time, so a few pages say it.
            BrinIndex(fields=["occurred_at"], name="idx_audit_logs_occurred", pages_per_range=16),
            # Everything one request did.
            models.Index(fields=["request_id"], condition=~models.Q(request_id=""), name="idx_audit_logs_request"),
        ]

    def __str__(self) -> str:
        return f"{self.get_action_display()}: {self.entity_type} {self.entity_id}"
