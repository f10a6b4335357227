"""The connection to the broker: one session that outlives it, and acknowledgements only when we say so."""

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import structlog
from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from telemetry.mqtt.inbox import Inbox
from telemetry.mqtt.messages import TOPIC, Message

log = structlog.get_logger(__name__)

RECEIVE_MAXIMUM = 10_000
"""How many messages may be under way unacknowledged; then the broker waits."""
SESSION_EXPIRY = timedelta(days=30)
KEEPALIVE_SECONDS = 30
LONGEST_PAUSE_SECONDS = 30
NO_RETAINED = 2  # a message kept by the broker would be stored again at every subscription
PORTS = {"mqtt": 1883, "mqtts": 8883}


class Connection:
    """Reconnects for ever. Messages go to the inbox; the broker keeps each until it is acknowledged."""

    def __init__(self, url: str, *, client_id: str, inbox: Inbox, share: str = "", ca_file: str = "") -> None:
        parts = urlsplit(url)
        if parts.scheme not in PORTS or not parts.hostname:
            raise ImproperlyConfigured("MQTT_URL is mqtt://user:password@host:1883, or mqtts:// with TLS.")
        self.host, self.inbox, self.client_id = parts.hostname, inbox, client_id
        self.topic = f"$share/{share}/{TOPIC}" if share else TOPIC
        self.is_subscribed = False
        self.number = 0
        self.arrivals = Arrivals(most=RECEIVE_MAXIMUM)
        self.client = Client(
            CallbackAPIVersion.VERSION2, client_id=client_id, protocol=MQTTProtocolVersion.MQTTv5, manual_ack=True
        )
        self.client.on_connect = self._connected
        self.client.on_connect_fail = lambda *_: log.warning("mqtt_broker_away", host=self.host)
        self.client.on_disconnect = self._disconnected
        self.client.on_subscribe = self._subscribed
        self.client.on_message = self._received
        self.client.reconnect_delay_set(1, LONGEST_PAUSE_SECONDS)
        self._address(parts, ca_file)

    def _address(self, parts: SplitResult, ca_file: str) -> None:
        if parts.username:
            self.client.username_pw_set(unquote(parts.username), unquote(parts.password or ""))
        if parts.scheme == "mqtts":
            self.client.tls_set(ca_certs=ca_file or None)
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # theirs
        properties.SessionExpiryInterval = int(SESSION_EXPIRY.total_seconds())
        properties.ReceiveMaximum = RECEIVE_MAXIMUM
        self.client.connect_async(
            self.host,
            parts.port or PORTS[parts.scheme],
            keepalive=KEEPALIVE_SECONDS,
            clean_start=False,
            properties=properties,
        )

    def start(self) -> None:
        self.client.loop_start()

    def stop(self) -> None:
        """Sends what is to be sent, and ends. The session stays with the broker."""
        self.client.disconnect()
        self.client.loop_stop()

    def is_alive(self) -> bool:
        """Whether paho's thread lives; an error in it ends it without a word."""
        return any(self.client_id in thread.name for thread in threading.enumerate() if "paho" in thread.name)

    def acknowledge(self, messages: Iterable[Message]) -> None:
        for message in messages:
            if message.qos and message.connection == self.number:
                self.client.ack(message.mid, message.qos)

    def tell(self, device_id: str, body: dict[str, Any]) -> None:
        """What the device should know, if it listens; nobody waits for it."""
        self.client.publish(f"fr/v1/{device_id}/errors", json.dumps(body), qos=0)

    def _connected(self, client: Client, _data: Any, flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            log.error("mqtt_broker_refuses", host=self.host, reason=str(reason))
            return
        self.number += 1
        if flags.session_present:
            self.inbox.forget()
        else:
            self.arrivals.forget()
        log.info("mqtt_connected", host=self.host, session_present=flags.session_present)
        client.subscribe(self.topic, options=SubscribeOptions(qos=1, retainHandling=NO_RETAINED))

    def _subscribed(self, _client: Client, _data: Any, _mid: int, reasons: list[Any], _properties: Any) -> None:
        self.is_subscribed = reasons[0].value == 1
        if not self.is_subscribed:
            log.error("mqtt_subscription_refused", topic=self.topic, reason=str(reasons[0]))

    def _disconnected(self, _client: Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self.is_subscribed = False
        log.warning("mqtt_disconnected", host=self.host, reason=str(reason))

    def _received(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = ""
        arrived_at = self.arrivals.of(message, at=timezone.now())
        self.inbox.put(Message(topic, bytes(message.payload), arrived_at, message.qos, message.mid, self.number))


class Arrivals:
    """When messages came for the first time: one that comes again after a broken connection keeps its moment."""

    def __init__(self, *, most: int) -> None:
        self.most = most
        self._known: OrderedDict[int, tuple[bytes, datetime]] = OrderedDict()

    def of(self, message: MQTTMessage, *, at: datetime) -> datetime:
        digest = hashlib.blake2b(message.payload, digest_size=16).digest()
        known = self._known.pop(message.mid, None)
        if message.dup and known and known[0] == digest:
            at = known[1]
        self._known[message.mid] = (digest, at)
        if len(self._known) > self.most:
            self._known.popitem(last=False)
        return at

    def forget(self) -> None:
        self._known.clear()
