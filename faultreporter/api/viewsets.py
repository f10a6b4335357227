"""The base of every endpoint. A viewset says what it is about; how HTTP is spoken stands here once.

Every unsafe request is one transaction with its actor known to the audit trigger. A POST may carry an
Idempotency-Key, a change may carry If-Match, a read may carry If-None-Match.
"""

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, cast

from django.conf import settings
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter
from rest_framework import status, viewsets
from rest_framework.exceptions import MethodNotAllowed, PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView

from faultreporter.api import idempotency, ratelimit
from faultreporter.api.concurrency import check_if_match, conflicts, etag, is_not_modified
from faultreporter.api.permissions import MANAGERS, Rule, action_of
from faultreporter.api.renderers import JsonNegotiation
from faultreporter.api.text import is_storable
from faultreporter.audit.context import acting
from faultreporter.audit.models import AuditLog
from faultreporter.db import SoftDeleteModel
from faultreporter.errors import ErrorDetail, InvalidParameter, NotFound, PreconditionFailed, RateLimited

LIST_PARAMETERS = frozenset({"page", "page_size", "ordering", "created_after", "created_before", "updated_since"})
MAY_BE_EMPTY = {"search", "cursor"}
"""What may be said without a value: nothing to search for, from the start."""

if TYPE_CHECKING:
    from faultreporter.accounts.models import User

    class SignedInRequest(Request):
        """A request that permissions have let through: somebody is behind it."""

        user: User


def parameter_problem(name: str, values: Sequence[str]) -> str:
    """What is wrong with the way a parameter is given, whatever it is about; empty if nothing is."""
    if len(values) > 1:
        return _("It is given more than once; several values go into one comma list.")
    if not is_storable(values[0]):
        return _("It contains a NUL or half of a character pair.")
    if not values[0].strip() and name not in MAY_BE_EMPTY:
        return _("It has no value; leave it out.")
    return ""


def let_go(view: "ApiView", request: Request, response: Response) -> None:
    """Empty what DRF ties to rings of view, request, answer and serializers, once nothing is left to do.

    All that came and all that goes out hang from them: ten thousand readings would stay until the garbage collector
    comes by, and it would walk over each.
    """
    vars(view).clear()
    vars(request).clear()
    response.renderer_context.clear()  # type: ignore[attr-defined]


class ApiView(APIView):
    """An endpoint that isn't a collection. `permissions` maps actions (or methods, lower-case) to rules."""

    permissions: ClassVar[Mapping[str, Rule]] = {}
    parameters: ClassVar[Mapping[str, Sequence[OpenApiParameter]]] = {}
    content_negotiation_class = JsonNegotiation
    format_kwarg = None
    request: "SignedInRequest"

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.args, self.kwargs = args, kwargs
        request = self.initialize_request(request, *args, **kwargs)
        self.request = cast("SignedInRequest", request)
        self.headers = self.default_response_headers
        try:
            self.initial(request, *args, **kwargs)
            response = self.act(request, *args, **kwargs)
        except Exception as error:  # noqa: BLE001 - DRF's own contract: the handler re-raises what it doesn't know
            response = self.handle_exception(error)
        response = self.finalize_response(request, response, *args, **kwargs)
        if isinstance(response, Response):
            response.add_post_render_callback(partial(let_go, self, request))
        return response

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        request.accepted_renderer, request.accepted_media_type = self.perform_content_negotiation(request, force=False)
        try:
            self.perform_authentication(request)
        finally:
            self.limit_rate(request)
        if request.method == "OPTIONS":
            return
        if self.handler_of(request) is None:
            raise MethodNotAllowed(request.method or "")
        self.check_permissions(request)
        self.check_parameters(request)

    def handler_of(self, request: Request) -> Any:
        """What takes this method. Only a method of HTTP is looked up: a view has other attributes, too."""
        method = (request.method or "").lower()
        return getattr(self, method, None) if method in self.http_method_names else None

    def options(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        """Which methods are taken here, in the Allow header; everything else stands in /openapi.json."""
        return Response(status=status.HTTP_204_NO_CONTENT)

    def act(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        """Call the method's handler: reads as they are, writes in one audited transaction."""
        handler = self.handler_of(request)
        if request.method in {"GET", "HEAD", "OPTIONS"}:
            return handler(request, *args, **kwargs)
        key = idempotency.key_of(request)
        with acting(by=request.user, source=AuditLog.Source.API, ip=request.META.get("REMOTE_ADDR")):
            if key is None:
                return handler(request, *args, **kwargs)
            return idempotency.once(
                request, self.principal(request), key, lambda: self.settled(handler, request, *args, **kwargs)
            )

    def settled(self, handler: Any, request: Request, *args: Any, **kwargs: Any) -> Any:
        """The handler's answer, rendered; a refusal below 500 is an answer too, with its effects undone."""
        try:
            with transaction.atomic():
                response = handler(request, *args, **kwargs)
        except Exception as error:
            response = self.handle_exception(error)
            if response.status_code >= 500:
                raise
        response = self.finalize_response(request, response, *args, **kwargs)
        if hasattr(response, "render"):
            response.render()
        return response

    @staticmethod
    def principal(request: Request) -> str:
        """Whom keys and rates belong to: the person, the device, or the address of an anonymous caller."""
        pk = getattr(request.user, "pk", None)
        return str(pk) if pk else f"ip:{request.META.get('REMOTE_ADDR', '')}"

    def limit_rate(self, request: Request) -> None:
        # request._user is absent when authentication failed: such callers share the allowance of their address.
        known = getattr(request, "_user", None) is not None and request.user.is_authenticated
        limit = settings.RATE_LIMIT_PER_MINUTE if known else settings.RATE_LIMIT_ANONYMOUS_PER_MINUTE
        caller = self.principal(request) if known else f"ip:{request.META.get('REMOTE_ADDR', '')}"
        allowance = ratelimit.take(caller, limit)
        self.headers = {**self.headers, **allowance.headers}
        if not allowance.allowed:
            seconds = max(1, math.ceil(allowance.retry_after))
            message = _("Too many requests; try again in %(seconds)d seconds.") % {"seconds": seconds}
            raise RateLimited(message, retry_after=seconds)

    def known_parameters(self) -> set[str]:
        return {parameter.name for parameter in self.parameters.get(action_of(self), ())}

    def check_parameters(self, request: Request) -> None:
        """Refuse what this address doesn't know, and what would be ignored in silence."""
        known = self.known_parameters()
        possible = ", ".join(sorted(known)) or _("none")
        unknown = _("Unknown query parameter. This address knows: %(known)s.") % {"known": possible}
        details = [
            ErrorDetail(name, "unknown_parameter", unknown)
            if name not in known
            else ErrorDetail(name, "invalid", f"{name}: {problem}")
            for name, values in sorted(request.query_params.lists())
            if (problem := parameter_problem(name, values)) or name not in known
        ]
        if details:
            raise InvalidParameter(details[0].message, details=details)

    def now(self) -> Any:
        return timezone.now()


class GenericViewSet(ApiView, viewsets.GenericViewSet[Any]):
    """A collection of records with UUID keys.

    `resource` names it in operation ids: listEquipment, getAlert. Rows come from `Model.objects.for_user(user)`.
    """

    model: ClassVar[type[Model]]
    resource: ClassVar[str]
    resource_plural: ClassVar[str] = ""
    ordering: ClassVar[Sequence[str]] = ("-created_at",)
    ordering_fields: ClassVar[Sequence[str]] = ()
    search_fields: ClassVar[Sequence[str]] = ()
    serializer_classes: ClassVar[Mapping[str, type[BaseSerializer[Any]]]] = {}
    lookup_value_regex = "[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"
    list_select_related: ClassVar[Sequence[str]] = ()
    detail_select_related: ClassVar[Sequence[str]] = ()

    def get_queryset(self) -> QuerySet[Any]:
        """The rows this person may see; the living ones unless a manager asks for more."""
        if getattr(self, "swagger_fake_view", False):
            return self.model._default_manager.none()
        rows = self.model._default_manager.all()
        if hasattr(rows, "for_user"):
            rows = rows.for_user(self.request.user)
        if hasattr(rows, "living") and not self.wants_deleted():
            rows = rows.living()
        related = self.list_select_related if self.action == "list" else self.detail_select_related
        return rows.select_related(*related) if related else rows

    def wants_deleted(self) -> bool:
        text = self.request.query_params.get("include_deleted", "").lower()
        if text not in {"", "true", "false"}:
            raise InvalidParameter(_("include_deleted must be true or false."), field="include_deleted")
        if text == "true" and self.request.user.role not in MANAGERS.roles:
            raise PermissionDenied(_("Only managers can list deleted records."))
        return text == "true" or self.action == "restore"

    def get_serializer_class(self) -> type[BaseSerializer[Any]]:
        return self.serializer_classes.get(self.action or "") or super().get_serializer_class()

    def get_detail_serializer_class(self) -> type[BaseSerializer[Any]]:
        """What a single record looks like in answers, whatever the action."""
        return self.serializer_classes.get("retrieve") or self.serializer_class  # type: ignore[return-value]

    def get_serializer_context(self) -> dict[str, Any]:
        context = super().get_serializer_context()
        asked = (
            {name for name in self.request.query_params.get("expand", "").split(",") if name} if self.request else set()
        )
        unknown = asked - self.expandable()
        if unknown:
            message = _("expand knows: %(known)s.") % {"known": ", ".join(sorted(self.expandable())) or _("none")}
            raise InvalidParameter(message, field="expand")
        return {**context, "expand": asked}

    def expandable(self) -> set[str]:
        meta = getattr(self.get_detail_serializer_class(), "Meta", None)
        return set(getattr(meta, "expandable", {}))

    def known_parameters(self) -> set[str]:
        known = super().known_parameters()
        if self.request.method not in {"GET", "HEAD"} or self.action not in {"list", "retrieve"}:
            return known
        if self.expandable():
            known.add("expand")
        if self.action == "list":
            known |= LIST_PARAMETERS | self.filter_names()
            known |= {"search"} if self.search_fields else set()
            known |= {"include_deleted"} if issubclass(self.model, SoftDeleteModel) else set()
        return known

    def filter_names(self) -> set[str]:
        filterset = getattr(self, "filterset_class", None)
        return set(filterset.base_filters) if filterset else set()

    def lock_object(self) -> Any:
        """The record under its row lock, in sight, permitted, and of the version that If-Match names."""
        rows = self.get_queryset().select_related(None).select_for_update(of=("self",))
        record = self.permitted(rows)
        try:
            check_if_match(self.request, record)
        except PreconditionFailed as error:
            error.meta["current"] = self.serialize(record)
            if self.action in {"update", "partial_update"}:
                error.details = conflicts(self.request, record, self.sources())
            raise
        return record

    def sources(self) -> dict[str, str]:
        """The names of the body's fields, and of those of the record that they are about."""
        fields = self.get_serializer_class()(context=self.get_serializer_context()).fields  # type: ignore[attr-defined]
        return {name: field.source for name, field in fields.items() if not field.read_only}

    def permitted(self, rows: QuerySet[Any]) -> Any:
        record = rows.filter(pk=self.kwargs[self.lookup_field]).first()
        if record is None:
            raise NotFound(_("There is no such record, or it is out of your sight."))
        self.check_object_permissions(self.request, record)
        return record

    def validated(self, *, record: Any = None, partial: bool = False) -> dict[str, Any]:
        """The body, checked by the action's serializer."""
        serializer = self.get_serializer(record, data=self.request.data, partial=partial)
        serializer.is_valid(raise_exception=True)
        data: dict[str, Any] = serializer.validated_data
        return data

    def serialize(self, record: Any) -> Any:
        return self.get_detail_serializer_class()(record, context=self.get_serializer_context()).data

    def answer(
        self, record: Any, *, code: int = status.HTTP_200_OK, message: str | None = None, location: str | None = None
    ) -> Response:
        """One record with its ETag; 304 without a body if the caller has it already."""
        data = self.serialize(record)
        tag = etag(record, data)
        if self.request.method in {"GET", "HEAD"} and is_not_modified(self.request, tag):
            return Response(status=status.HTTP_304_NOT_MODIFIED, headers={"ETag": tag})
        response = Response(data, status=code, headers={"ETag": tag})
        response.message = message  # type: ignore[attr-defined]
        if location:
            response["Location"] = location
        return response

    def list_answer(self, rows: QuerySet[Any]) -> Response:
        return self.page_answer(rows, self.get_serializer_class())

    def page_answer(self, rows: QuerySet[Any], serializer_class: type[BaseSerializer[Any]]) -> Response:
        """One page of rows of whatever kind."""
        page = self.paginate_queryset(rows)
        data = serializer_class(page, many=True, context=self.get_serializer_context()).data
        return self.get_paginated_response(data)

    def body(self, serializer_class: type[BaseSerializer[Any]]) -> dict[str, Any]:
        """The checked body of a call that isn't about the record's own fields."""
        serializer = serializer_class(data=self.request.data, context=self.get_serializer_context())
        serializer.is_valid(raise_exception=True)
        checked: dict[str, Any] = serializer.validated_data
        return checked

    def reload(self, record: Any) -> Any:
        """The record as a GET would read it, after a change."""
        rows = self.model._default_manager.all()
        if self.detail_select_related:
            rows = rows.select_related(*self.detail_select_related)
        return self.prefetched(rows).get(pk=record.pk)

    def prefetched(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """A hook for what the detail needs beside joins."""
        return rows


class ListMixin(GenericViewSet):
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.list_answer(self.filter_queryset(self.get_queryset()))


class RetrieveMixin(GenericViewSet):
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.answer(self.permitted(self.prefetched(self.get_queryset())))


class CreateMixin(GenericViewSet):
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        record = self.create_record(self.validated())
        return self.created(record)

    def created(self, record: Any, *, message: str | None = None) -> Response:
        location = f"{self.request.path.rstrip('/')}/{record.pk}"
        return self.answer(
            self.reload(record), code=status.HTTP_201_CREATED, message=message or self.done(), location=location
        )

    @staticmethod
    def done() -> str:
        return _("Created.")

    def create_record(self, data: dict[str, Any]) -> Any:
        """One domain call. The default stores the fields as they are."""
        return self.model._default_manager.create(**data)


class UpdateMixin(GenericViewSet):
    def update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """PUT changes the fields it names, like PATCH."""
        record = self.lock_object()
        self.change_record(record, self.validated(record=record, partial=True))
        return self.answer(self.reload(record), message=_("Saved."))

    def partial_update(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.update(request, *args, **kwargs)

    def change_record(self, record: Any, data: dict[str, Any]) -> None:
        """One domain call. The default stores the fields as they are."""
        for name, value in data.items():
            setattr(record, name, value)
        if data:
            record.save(update_fields=list(data))


class DestroyMixin(GenericViewSet):
    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        self.delete_record(self.lock_object())
        return Response(status=status.HTTP_204_NO_CONTENT)

    def delete_record(self, record: Any) -> None:
        record.soft_delete(by=self.request.user, at=self.now())


class ReadOnlyViewSet(ListMixin, RetrieveMixin):
    """list, retrieve."""


class ModelViewSet(ListMixin, RetrieveMixin, CreateMixin, UpdateMixin, DestroyMixin):
    """list, retrieve, create, update (PUT and PATCH), soft delete."""
