from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from faultreporter.accounts.authentication import caller
from faultreporter.api.actions import transition
from faultreporter.api.concurrency import check_if_match
from faultreporter.api.permissions import EVERYONE
from faultreporter.api.schema import IF_MATCH
from faultreporter.api.viewsets import CreateMixin, DestroyMixin, ListMixin, RetrieveMixin, UpdateMixin
from faultreporter.errors import PreconditionFailed
from faultreporter.notifications.filters import NotificationFilter
from faultreporter.notifications.models import Notification, NotificationPreferences, PushTarget
from faultreporter.notifications.serializers import (
    NotificationSerializer,
    PreferencesSerializer,
    PushTargetSerializer,
    ReadSerializer,
    RegisterSerializer,
    UnreadSerializer,
)


@extend_schema_view(
    list=extend_schema(summary="List what you were told, newest first"),
    retrieve=extend_schema(summary="Read one line of your inbox"),
)
class NotificationViewSet(ListMixin, RetrieveMixin):
    """Your inbox."""

    model = Notification
    resource = "Notification"
    serializer_class = NotificationSerializer
    filterset_class = NotificationFilter
    search_fields = ("title", "body")
    ordering_fields = ("created_at", "read_at")
    permissions = dict.fromkeys(("list", "retrieve", "read", "read_all", "unread_count"), EVERYONE)

    @transition("read", summary="Say that you have read it", operation_id="readNotification")
    def read(self, record: Notification, data: dict[str, Any]) -> str:
        record.mark_read(**data)
        return _("Read.")

    @extend_schema(
        summary="Say that you have read everything",
        operation_id="readAllNotifications",
        request=None,
        responses=ReadSerializer,
    )
    @action(detail=False, methods=["post"], url_path="read-all")
    def read_all(self, request: Request) -> Response:
        mine: Any = self.get_queryset()
        return Response({"read": mine.mark_read(self.now())})

    @extend_schema(
        summary="Count what you haven't read", operation_id="countUnreadNotifications", responses=UnreadSerializer
    )
    @action(detail=False, url_path="unread-count")
    def unread_count(self, request: Request) -> Response:
        mine: Any = self.get_queryset()
        return Response({"unread": mine.unread().count()})


@extend_schema_view(
    list=extend_schema(summary="List your phones"),
    retrieve=extend_schema(summary="Read one of your phones"),
    create=extend_schema(
        summary="Register the app on this phone, at every start",
        description="The same id or token again is the same phone, and from now on yours, whoever used it before.",
        request=RegisterSerializer,
        responses={201: PushTargetSerializer},
        operation_id="registerDevice",
    ),
    destroy=extend_schema(summary="Send no more pushes to this phone"),
)
class DeviceViewSet(ListMixin, RetrieveMixin, CreateMixin, DestroyMixin):
    """The phones that your pushes go to."""

    model = PushTarget
    resource = "Device"
    serializer_class = PushTargetSerializer
    serializer_classes = {"create": RegisterSerializer, "retrieve": PushTargetSerializer}
    ordering = ("-registered_at",)
    ordering_fields = ("registered_at", "created_at")
    permissions = dict.fromkeys(("list", "retrieve", "create", "destroy"), EVERYONE)

    def create_record(self, data: dict[str, Any]) -> PushTarget:
        return PushTarget.objects.register(user=caller(self.request), at=self.now(), **data)

    @staticmethod
    def done() -> str:
        return _("Registered.")

    def delete_record(self, record: PushTarget) -> None:
        record.delete()


@extend_schema_view(
    retrieve=extend_schema(summary="Read how you want to be reached", operation_id="getNotificationPreferences"),
    update=extend_schema(summary="Change how you want to be reached", operation_id="updateNotificationPreferences"),
    partial_update=extend_schema(
        summary="Change how you want to be reached", operation_id="patchNotificationPreferences"
    ),
)
class PreferencesViewSet(RetrieveMixin, UpdateMixin):
    """What rings your phone, what an e-mail is sent for, and when it stays quiet."""

    model = NotificationPreferences
    resource = "NotificationPreferences"
    serializer_class = PreferencesSerializer
    permissions = dict.fromkeys(("retrieve", "update", "partial_update"), EVERYONE)
    parameters = {"update": [IF_MATCH], "partial_update": [IF_MATCH]}

    def permitted(self, rows: QuerySet[Any]) -> NotificationPreferences:
        return NotificationPreferences.of(caller(self.request))

    def lock_object(self) -> NotificationPreferences:
        """Of somebody who has changed nothing yet there is no row to lock."""
        mine = NotificationPreferences.locked(caller(self.request))
        try:
            check_if_match(self.request, mine)
        except PreconditionFailed as error:
            error.meta["current"] = self.serialize(mine)
            raise
        return mine

    def reload(self, record: Any) -> NotificationPreferences:
        return NotificationPreferences.of(caller(self.request))

    def change_record(self, record: NotificationPreferences, data: dict[str, Any]) -> None:
        NotificationPreferences.change(record.user, **data)
