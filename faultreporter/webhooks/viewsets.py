from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from faultreporter.accounts.authentication import caller
from faultreporter.api.permissions import ADMINS
from faultreporter.api.viewsets import ListMixin, ModelViewSet, RetrieveMixin
from faultreporter.errors import NotFound
from faultreporter.webhooks import services
from faultreporter.webhooks.filters import DeliveryFilter, WebhookFilter
from faultreporter.webhooks.models import Webhook, WebhookDelivery
from faultreporter.webhooks.serializers import (
    DeliveryDetailSerializer,
    DeliverySerializer,
    IssuedWebhookSerializer,
    WebhookSerializer,
)

ACTIONS = ("list", "retrieve", "create", "update", "partial_update", "destroy", "rotate_secret", "test")


@extend_schema_view(
    list=extend_schema(summary="List webhooks"),
    retrieve=extend_schema(summary="Read a webhook; its secret is shown nowhere again"),
    create=extend_schema(
        summary="Add a webhook; the answer shows its secret, once", responses={201: IssuedWebhookSerializer}
    ),
    update=extend_schema(summary="Change a webhook, or switch it off and on"),
    partial_update=extend_schema(summary="Change a webhook, or switch it off and on"),
    destroy=extend_schema(summary="Delete a webhook; what waits for it becomes dead letters"),
)
class WebhookViewSet(ModelViewSet):
    """Other systems that are told what happens here."""

    model = Webhook
    resource = "Webhook"
    serializer_class = WebhookSerializer
    filterset_class = WebhookFilter
    search_fields = ("url", "description")
    ordering_fields = ("url", "description", "created_at", "updated_at")
    permissions = dict.fromkeys(ACTIONS, ADMINS)

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        webhook, secret = Webhook.add(by=caller(request), **self.validated())
        return self.showing(secret, self.created(webhook))

    def change_record(self, record: Webhook, data: dict[str, Any]) -> None:
        record.change(by=caller(self.request), at=self.now(), **data)

    @extend_schema(
        summary="Give it a new secret beside the present one, which signs too for a week",
        operation_id="rotateWebhookSecret",
        request=None,
        responses=IssuedWebhookSerializer,
    )
    @action(detail=True, methods=["post"], url_path="rotate-secret")
    def rotate_secret(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        webhook = self.lock_object()
        secret = webhook.rotate_secret(by=caller(request), at=self.now())
        return self.showing(secret, self.answer(self.reload(webhook), message=_("Rotated.")))

    @extend_schema(
        summary="Send it a ping",
        operation_id="testWebhook",
        request=None,
        responses={202: DeliverySerializer},
    )
    @action(detail=True, methods=["post"])
    def test(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        webhook = self.lock_object()
        delivery = services.send_ping(webhook=webhook, by=caller(request), at=self.now())
        location = f"{request.path.removesuffix('/test')}/deliveries/{delivery.pk}"
        response = Response(DeliverySerializer(delivery).data, status=202, headers={"Location": location})
        response.message = _("On its way.")  # type: ignore[attr-defined]
        return response

    @staticmethod
    def showing(secret: str, response: Response) -> Response:
        response.data = {**response.data, "secret": secret}
        return response


@extend_schema_view(
    list=extend_schema(summary="List what was sent to a webhook, newest first"),
    retrieve=extend_schema(summary="Read one delivery with every try"),
)
class DeliveryViewSet(ListMixin, RetrieveMixin):
    """What was sent to one webhook, and how that went."""

    model = WebhookDelivery
    resource = "WebhookDelivery"
    resource_plural = "WebhookDeliveries"
    serializer_class = DeliverySerializer
    serializer_classes = {"list": DeliverySerializer, "retrieve": DeliveryDetailSerializer}
    filterset_class = DeliveryFilter
    ordering_fields = ("created_at", "updated_at", "finished_at")
    list_select_related = detail_select_related = ("event",)
    permissions = dict.fromkeys(("list", "retrieve", "replay"), ADMINS)

    def get_queryset(self) -> QuerySet[Any]:
        rows = super().get_queryset()
        if getattr(self, "swagger_fake_view", False):
            return rows
        if not Webhook.objects.living().filter(pk=self.kwargs["webhook_id"]).exists():
            raise NotFound(_("There is no such webhook."))
        return rows.filter(webhook=self.kwargs["webhook_id"])

    def prefetched(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return rows.prefetch_related("ledger")

    @extend_schema(
        summary="Send it once more, with the same webhook-id",
        operation_id="replayWebhookDelivery",
        request=None,
        responses={202: DeliveryDetailSerializer},
    )
    @action(detail=True, methods=["post"])
    def replay(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        delivery = self.lock_object()
        services.replay(delivery=delivery, by=caller(request), at=self.now())
        location = request.path.removesuffix("/replay")
        return self.answer(self.reload(delivery), code=202, message=_("On its way again."), location=location)
