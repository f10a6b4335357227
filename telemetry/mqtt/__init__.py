"""Readings over MQTT: `fr/v1/<device id>/telemetry`, QoS 1, acknowledged when they are stored."""
