from django.db import models
from django.db.models.functions import Now


class IdempotencyRecord(models.Model):
    """The answer already given to a person's request with this key, so that a retry gets it again."""

    principal = models.CharField(max_length=80)
    key = models.CharField(max_length=255)
    fingerprint = models.BinaryField(max_length=32)
    status = models.PositiveSmallIntegerField()
    headers = models.JSONField(default=dict)
    body = models.BinaryField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "idempotency_records"
        constraints = [models.UniqueConstraint(fields=["principal", "key"], name="uniq_idempotency_records_key")]
        indexes = [
            # The nightly task that forgets what is older than a day.
            models.Index(fields=["created_at"], name="idx_idempotency_records_age"),
        ]

    def __str__(self) -> str:
        return f"{self.principal} {self.key}"


class Heartbeat(models.Model):
    """When a background process was last known to work: beat sends a task, a worker writes this row."""

    name = models.CharField(max_length=40, primary_key=True)
    at = models.DateTimeField()

    class Meta:
        db_table = "heartbeats"

    def __str__(self) -> str:
        return self.name
