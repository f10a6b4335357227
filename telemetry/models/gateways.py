"""What the back office knows of gateways that speak MQTT."""

from collections.abc import Sequence
from datetime import datetime

from django.db import connection, models
from django.db.models import F
from django.utils.translation import gettext_lazy as _


class DeadLetterQuerySet(models.QuerySet["DeadLetter"]):
    def keep_newest(self, count: int) -> None:
        """Forgets older ones. Ids only grow, so this asks the index for the newest and deletes from the other end."""
        with connection.cursor() as cursor:
            cursor.execute(
                "DELETE FROM iot_dead_letters WHERE id <= (SELECT max(id) FROM iot_dead_letters) - %s", [count]
            )


class DeadLetter(models.Model):
    """A message of which something could not be stored, as it came, so that somebody can find out why.

    It was acknowledged all the same: a message that can never be stored must not hold up those behind it.
    """

    class Reason(models.TextChoices):
        BAD_TOPIC = "BAD_TOPIC", _("Topic names no device")
        UNKNOWN_DEVICE = "UNKNOWN_DEVICE", _("Unknown device")
        UNREADABLE = "UNREADABLE", _("Unreadable")
        TOO_LARGE = "TOO_LARGE", _("Too large")
        REFUSED = "REFUSED", _("Readings refused")
        FAILED = "FAILED", _("Failed")

    KEPT = 10_000
    KEPT_BYTES = 4_096

    received_at = models.DateTimeField(_("received at"))
    topic = models.CharField(_("topic"), max_length=200)
    device_id = models.CharField(_("device id"), max_length=64, blank=True)
    reason = models.CharField(_("reason"), max_length=20, choices=Reason)
    detail = models.CharField(_("detail"), max_length=500, blank=True)
    payload = models.BinaryField(_("payload"), max_length=KEPT_BYTES)
    payload_bytes = models.PositiveIntegerField(_("bytes"))

    objects = DeadLetterQuerySet.as_manager()

    class Meta:
        db_table = "iot_dead_letters"
        verbose_name = _("dead letter")
        verbose_name_plural = _("dead letters")
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.topic} {self.get_reason_display()}"

    @staticmethod
    def keep(letters: "Sequence[DeadLetter]") -> None:
        if letters:
            DeadLetter.objects.bulk_create(letters)
            DeadLetter.objects.keep_newest(DeadLetter.KEPT)


class MqttBridgeQuerySet(models.QuerySet["MqttBridge"]):
    def newest(self) -> "MqttBridge | None":
        return self.order_by("-seen_at").first()

    def note(self, name: str, *, at: datetime, is_connected: bool, counts: "dict[str, int]") -> None:
        """A sign of life, and what was done since the last one."""
        self.get_or_create(name=name, defaults={"seen_at": at})
        more: dict[str, F | models.Expression] = {field: F(field) + count for field, count in counts.items()}
        self.filter(name=name).update(seen_at=at, is_connected=is_connected, **more)


class MqttBridge(models.Model):
    """A process that carries messages from the MQTT broker into the readings, by the client id it goes by."""

    COUNTERS = ("messages", "accepted", "duplicate", "conflict", "rejected", "dead_letters")

    name = models.CharField(_("name"), max_length=64, primary_key=True)
    seen_at = models.DateTimeField(_("seen at"))
    is_connected = models.BooleanField(_("connected"), default=False)
    messages = models.BigIntegerField(_("messages"), default=0)
    accepted = models.BigIntegerField(_("accepted"), default=0)
    duplicate = models.BigIntegerField(_("duplicate"), default=0)
    conflict = models.BigIntegerField(_("conflict"), default=0)
    rejected = models.BigIntegerField(_("rejected"), default=0)
    dead_letters = models.BigIntegerField(_("dead letters"), default=0)

    objects = MqttBridgeQuerySet.as_manager()

    class Meta:
        db_table = "iot_bridges"
        verbose_name = _("MQTT bridge")
        verbose_name_plural = _("MQTT bridges")
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name
