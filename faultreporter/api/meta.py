"""What a client has to know before it can begin."""

from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from faultreporter.api.permissions import PUBLIC
from faultreporter.api.serializers import Serializer
from faultreporter.api.viewsets import ApiView


class LimitsSerializer(Serializer):
    max_page_size = serializers.IntegerField()
    max_json_bytes = serializers.IntegerField()
    max_upload_bytes = serializers.IntegerField()
    requests_per_minute = serializers.IntegerField()
    streams_per_user = serializers.IntegerField()


class ConfigSerializer(Serializer):
    version = serializers.CharField()
    stream_url = serializers.CharField(help_text="Where GET /iot-data/stream is answered.")
    currency = serializers.CharField()
    limits = LimitsSerializer()


class ConfigView(ApiView):
    """Nothing in it is secret."""

    authentication_classes = ()
    permissions = {"get": PUBLIC}

    @extend_schema(operation_id="getConfig", summary="Read what a client should know first", responses=ConfigSerializer)
    def get(self, request: Request) -> Response:
        """Where streams are, and the limits of this server."""
        said: dict[str, Any] = {
            "version": settings.VERSION,
            "stream_url": f"{settings.STREAM_URL}/api/v1/iot-data/stream",
            "currency": settings.CURRENCY,
            "limits": {
                "max_page_size": settings.MAX_PAGE_SIZE,
                "max_json_bytes": settings.MAX_JSON_BYTES,
                "max_upload_bytes": settings.MAX_UPLOAD_BYTES,
                "requests_per_minute": settings.RATE_LIMIT_PER_MINUTE,
                "streams_per_user": settings.STREAMS_PER_USER,
            },
        }
        return Response(said)
