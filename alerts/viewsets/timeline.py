"""What happened to a record, what people wrote about it, and its files: the same for alerts and work orders."""

from typing import Any, ClassVar

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from alerts.serializers.timeline import (
    AttachSerializer,
    CommentInputSerializer,
    CommentSerializer,
    TimelineEventSerializer,
)
from faultreporter.accounts.authentication import caller
from faultreporter.api.schema import PAGE_PARAMETERS
from faultreporter.api.viewsets import GenericViewSet
from faultreporter.attachments.serializers import AttachmentSerializer


class TimelineMixin(GenericViewSet):
    """`/timeline`, `/comments` and `/attachments` of a record."""

    unpaged_actions = ("attachments",)
    operation_names = {
        "timeline": "list{resource}Timeline",
        "comments": "list{resource}Comments",
        "comment": "commentOn{resource}",
        "attachments": "list{resource}Attachments",
        "attach": "attachTo{resource}",
    }
    attach_serializer_class: ClassVar[type[AttachSerializer]] = AttachSerializer
    file_serializer_class: ClassVar[type[AttachmentSerializer]] = AttachmentSerializer
    timeline_parameters = {"timeline": PAGE_PARAMETERS, "comments": PAGE_PARAMETERS}

    @extend_schema(
        summary="Read what happened to it, newest first", filters=False, responses=TimelineEventSerializer(many=True)
    )
    @action(detail=True)
    def timeline(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        events = self.permitted(self.get_queryset()).events.select_related("by")
        return self.page_answer(events, TimelineEventSerializer)

    @extend_schema(
        summary="Read what people wrote about it, newest first", filters=False, responses=CommentSerializer(many=True)
    )
    @action(detail=True)
    def comments(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        comments = self.permitted(self.get_queryset()).events.comments().select_related("by")
        return self.page_answer(comments, CommentSerializer)

    @extend_schema(
        summary="Write something about it", request=CommentInputSerializer, responses={201: CommentSerializer}
    )
    @comments.mapping.post
    def comment(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        record = self.lock_object()
        said = self.body(CommentInputSerializer)
        event = record.comment(by=caller(request), at=said.pop("occurred_at", None) or self.now(), **said)
        # A comment has no page of its own; it is read with the others.
        response = Response(CommentSerializer(event).data, status=201, headers={"Location": request.path})
        response.message = _("Added.")  # type: ignore[attr-defined]
        return response

    @extend_schema(summary="List its files", filters=False, responses=AttachmentSerializer(many=True))
    @action(detail=True)
    def attachments(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return Response(self.file_serializer_class(self.permitted(self.get_queryset()).files, many=True).data)

    @extend_schema(summary="Add files to it", request=AttachSerializer)
    @attachments.mapping.post
    def attach(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        record = self.lock_object()
        said = self.body(self.attach_serializer_class)
        record.attach(by=caller(request), at=said.pop("occurred_at", None) or self.now(), **said)
        return self.answer(self.reload(record), message=_("Added."))
