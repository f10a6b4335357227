"""The OpenAPI document: what drf-spectacular can't know by itself, said once.

The envelope around every answer, the errors each kind of request can meet, PUT as a partial update, operation names,
and response fields that are always there.
"""

from typing import Any

from django.conf import settings
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent, get_lib_doc_excludes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from faultreporter.api.exceptions import CODES
from faultreporter.api.pagination import MAX_PAGE
from faultreporter.api.renderers import PROBLEM_JSON
from faultreporter.api.serializers import ModelSerializer as ApiModelSerializer
from faultreporter.api.serializers import Serializer as ApiSerializer
from faultreporter.api.viewsets import MAY_BE_EMPTY
from faultreporter.errors import DomainError

VERBS = {
    "list": "list",
    "retrieve": "get",
    "create": "create",
    "update": "update",
    "partial_update": "patch",
    "destroy": "delete",
}
ERROR = {"$ref": "#/components/schemas/ErrorResponse"}
"""The body of a refusal, for viewsets that tell more of one than others do."""

STRING = {"type": "string"}
TIME_OF_DAY = r"^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6})?)?$"
TIMESTAMP = {"type": "string", "format": "date-time"}


def object_schema(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(properties), "properties": properties, "additionalProperties": False}


PAGE = object_schema(
    page={"type": "integer"},
    page_size={"type": "integer"},
    total_pages={"type": "integer"},
    total_count={"type": "integer"},
    has_next={"type": "boolean"},
    has_previous={"type": "boolean"},
)
CURSOR = object_schema(next_cursor={"type": ["string", "null"]}, has_more={"type": "boolean"})
ERRORS = {
    "400": "The request is malformed or not valid; `details` names the fields.",
    "401": "No credentials, or they are expired, wrong or revoked.",
    "403": "Your role doesn't allow this.",
    "404": "There is no such record, or it is out of your sight.",
    "406": "Only JSON can be answered.",
    "409": "The record's state or another record is in the way.",
    "412": "If-Match names another version than the stored one.",
    "413": "The body is too large.",
    "415": "The body's media type isn't understood.",
    "421": "This process doesn't take such requests; `meta` says which one does.",
    "422": "The request is well-formed and can't be carried out.",
    "429": "Too many requests; Retry-After says how long to wait.",
    "500": "Our fault; it is logged under the request id.",
    "503": "Something we depend on is down; Retry-After says when to try again.",
}
HEADERS = {
    "X-Request-ID": {"schema": STRING, "description": "Name it when you ask us about this request."},
    "RateLimit": {
        "schema": STRING,
        "description": "What is left of your allowance, and in how many seconds it is whole.",
    },
    "RateLimit-Policy": {"schema": STRING, "description": "Your allowance."},
    "ETag": {"schema": STRING, "description": "The version of the record, for If-Match and If-None-Match."},
    "Location": {"schema": STRING, "description": "Where the new record, or the result, is."},
    "WWW-Authenticate": {"schema": STRING, "description": "Which credentials are taken."},
    "Retry-After": {"schema": {"type": "integer", "minimum": 0}, "description": "Seconds to wait."},
}
SOMETIMES = {
    "201": ["Location"],
    "202": ["Location"],
    "401": ["WWW-Authenticate"],
    "429": ["Retry-After"],
    "503": ["Retry-After"],
}
VERSIONED = {
    ("retrieve", "200"),
    ("retrieve", "304"),
    ("create", "201"),
    ("update", "200"),
    ("partial_update", "200"),
}
PAGE_PARAMETERS = [
    OpenApiParameter("page", {"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": 1}),
    OpenApiParameter("page_size", {"type": "integer", "minimum": 1, "maximum": settings.MAX_PAGE_SIZE}),
]
IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
    OpenApiParameter.HEADER,
    description="A key of your own, such as a UUID; a retry with it never acts twice.",
)
IF_MATCH = OpenApiParameter(
    "If-Match", str, OpenApiParameter.HEADER, description="The ETag you have read; 412 if the record has changed since."
)
IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match", str, OpenApiParameter.HEADER, description="The ETag you have; 304 if nothing has changed."
)


def all_codes(kind: type[DomainError] = DomainError) -> set[str]:
    """Every stable error code there is, found in the classes that raise them."""
    return {kind.code}.union(*(all_codes(child) for child in kind.__subclasses__()))


def error_properties() -> dict[str, Any]:
    detail = object_schema(field=STRING, code=STRING, message=STRING)
    codes = sorted(all_codes() | set(CODES.values()) | {"INTERNAL_ERROR"})
    return {
        "code": {"type": "string", "enum": codes},
        "status": {"type": "integer"},
        "request_id": STRING,
        "details": {"type": "array", "items": detail},
        "meta": {"type": "object", "additionalProperties": {}},
    }


def error_schema() -> dict[str, Any]:
    error = object_schema(message=STRING, **error_properties())
    return object_schema(success={"type": "boolean", "const": False}, error=error, timestamp=TIMESTAMP)


def problem_schema() -> dict[str, Any]:
    """RFC 9457, for callers that accept application/problem+json."""
    return object_schema(type=STRING, title=STRING, detail=STRING, **error_properties())


class EnvelopeSchema(AutoSchema):
    """Describes what the base viewset and the renderer really do."""

    def get_operation_id(self) -> str:
        resource = getattr(self.view, "resource", None)
        action = getattr(self.view, "action", None)
        if not resource or not action:
            return str(super().get_operation_id())
        plural = getattr(self.view, "resource_plural", "") or f"{resource}s"
        if self.method == "PATCH":
            action = "partial_update"
        named = getattr(self.view, "operation_names", {}).get(action)
        if named:
            return str(named.format(resource=resource))
        if action in VERBS:
            return str(VERBS[action] + (plural if action == "list" else resource))
        first, *rest = action.split("_")
        return str(first + "".join(word.title() for word in rest) + resource)

    def get_override_parameters(self) -> list[Any]:
        action = getattr(self.view, "action", None) or self.method.lower()
        found = list(getattr(self.view, "parameters", {}).get(action, ()))
        expandable = self.view.expandable() if hasattr(self.view, "expandable") else set()
        if self.method == "GET" and action in {"list", "retrieve"} and expandable:
            found.append(
                OpenApiParameter("expand", str, enum=sorted(expandable), many=True, explode=False, style="form")
            )
        if action == "list" and action not in getattr(self.view, "cursor_actions", ()):
            found += PAGE_PARAMETERS
        if action == "list" and hasattr(getattr(self.view, "model", None), "deleted_at"):
            found.append(OpenApiParameter("include_deleted", bool, description="Managers only."))
        return found + self.precondition_parameters()

    def precondition_parameters(self) -> list[OpenApiParameter]:
        detail = "{" in self.path
        if self.method == "GET":
            return [IF_NONE_MATCH] if getattr(self.view, "action", "") == "retrieve" else []
        return [IDEMPOTENCY_KEY] + ([IF_MATCH] if detail else [])

    def _get_request_for_media_type(self, serializer: Any, direction: str = "request") -> Any:
        """PUT takes the fields it is given, like PATCH."""
        method = self.method
        self.method = "PATCH" if method == "PUT" else method
        try:
            return super()._get_request_for_media_type(serializer, direction)  # type: ignore[no-untyped-call]
        finally:
            self.method = method

    def _map_serializer_field(self, field: Any, direction: Any, bypass_extensions: bool = False) -> Any:
        """A request has no read-only fields; drf-spectacular stumbles over one whose shape is given by an override."""
        if direction == "request" and field.read_only:
            return None
        schema = super()._map_serializer_field(field, direction, bypass_extensions)  # type: ignore[no-untyped-call]
        if direction == "request" and isinstance(field, serializers.DecimalField):
            null = ["null"] if "null" in schema["type"] else []
            schema["type"] = ["string", "number", *null]  # answers always have the string
        return schema

    def component(self, name: str, schema: dict[str, Any], *, kind: str = ResolvedComponent.SCHEMA) -> dict[str, Any]:
        component = ResolvedComponent(name=name, type=kind, schema=schema, object=name)
        self.registry.register_on_missing(component)
        reference: dict[str, Any] = component.ref
        return reference

    def _get_paginator(self) -> Any:
        return None  # the envelope below describes pages

    def _get_response_for_code(
        self, serializer: Any, status_code: Any, media_types: Any = None, direction: Any = "response"
    ) -> Any:
        response = super()._get_response_for_code(serializer, status_code, media_types, direction)  # type: ignore[no-untyped-call]
        for media_type, content in response.get("content", {}).items():
            if media_type == "application/json" and str(status_code).startswith("2"):
                content["schema"] = self.enveloped(content["schema"])
        return response

    def enveloped(self, schema: dict[str, Any]) -> dict[str, Any]:
        is_list = schema.get("type") == "array"
        inner = schema["items"] if is_list else schema
        name = inner.get("$ref", "").rsplit("/", 1)[-1]
        if is_list:
            cursor = getattr(self.view, "cursor_actions", ())
            by_cursor = getattr(self.view, "action", None) in cursor
            page = self.component("CursorInfo", CURSOR) if by_cursor else self.component("PageInfo", PAGE)
            paged = getattr(self.view, "action", None) not in getattr(self.view, "unpaged_actions", ())
            tail = {"pagination": page} if paged else {"message": {"type": ["string", "null"]}}
            suffix = "List" if paged else "Collection"
        else:
            tail, suffix = {"message": {"type": ["string", "null"]}}, "Response"
        whole = object_schema(success={"type": "boolean", "const": True}, data=schema, **tail, timestamp=TIMESTAMP)
        if "pagination" in tail:  # a list says something only where there is something to say
            whole |= {"properties": {**whole["properties"], "message": STRING}, "x-optional": ["message"]}
        if not name:
            return whole
        return self.component(f"{name}{'Cursor' if is_list and 'Cursor' in str(tail) else ''}{suffix}", whole)

    def _get_response_bodies(self, direction: Any = "response") -> Any:
        bodies = super()._get_response_bodies(direction)
        for code in self.error_statuses():
            bodies.setdefault(code, self.error_response(code))
        if self.method == "GET" and getattr(self.view, "action", "") == "retrieve":
            bodies["304"] = {"description": "Nothing has changed since the version that If-None-Match names."}
        for code, body in bodies.items():
            if "$ref" not in body:
                body["headers"] = {**self.headers_of(code), **body.get("headers", {})}
        return bodies

    def error_response(self, code: str) -> dict[str, Any]:
        error = self.component("ErrorResponse", error_schema())
        problem = self.component("Problem", problem_schema())
        content = {"application/json": {"schema": error}, PROBLEM_JSON: {"schema": problem}}
        response = {"description": ERRORS[code], "headers": self.headers_of(code), "content": content}
        return self.component(f"Error{code}", response, kind=ResolvedComponent.RESPONSE)

    def headers_of(self, code: str) -> dict[str, Any]:
        names = ["X-Request-ID", *SOMETIMES.get(code, ())]
        if code != "404":  # an address that leads nowhere costs no allowance
            names += ["RateLimit", "RateLimit-Policy"]
        if (getattr(self.view, "action", ""), code) in VERSIONED:
            names.append("ETag")
        return {
            name: self.component(name, {"required": True, **HEADERS[name]}, kind=ResolvedComponent.HEADER)
            for name in names
        }

    def error_statuses(self) -> list[str]:
        codes = {"400", "401", "403", "404", "406", "429", "500", "503"}
        if self.method != "GET":
            codes |= {"409", "412", "422"}
        if self.method in {"POST", "PUT", "PATCH"}:
            codes |= {"413", "415"}
        if getattr(self.view, "action", "") in getattr(self.view, "ranged_actions", ()):
            codes.add("422")  # RANGE_TOO_LARGE
        codes |= set(getattr(self.view, "further_statuses", ()))
        return sorted(codes)


def without_base_docstrings() -> list[type]:
    """What our base classes say is for developers, not for readers of the API."""
    return [*get_lib_doc_excludes(), ApiSerializer, ApiModelSerializer]


def postprocess(result: Any, generator: Any, request: Any, public: bool) -> Any:
    """Response fields are always there; request bodies take no unknown field; enumerations keep their null."""
    for name, component in result["components"]["schemas"].items():
        tell_times_of_day(component)
        if component.get("type") != "object" or "properties" not in component:
            continue
        if name.endswith("Request"):
            component["additionalProperties"] = False
            continue
        optional = set(component.pop("x-optional", ()))
        component["required"] = sorted(set(component["properties"]) - optional)
    for name in [n for n, c in result["components"]["schemas"].items() if "required" in c and not c["required"]]:
        del result["components"]["schemas"][name]["required"]
    for operation in operations_of(result):
        for parameter in operation.get("parameters", ()):
            if parameter["in"] == "query" and parameter["name"] not in MAY_BE_EMPTY:
                refuse_empty(parameter["schema"])
    return result


def tell_times_of_day(component: dict[str, Any]) -> None:
    """JSON Schema's own "time" has a UTC offset; ours are by somebody's wall clock."""
    for schema in component.get("properties", {}).values():
        if schema.get("format") == "time":
            del schema["format"]
            schema["pattern"] = TIME_OF_DAY


def operations_of(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [operation for methods in document["paths"].values() for operation in methods.values()]


def refuse_empty(schema: dict[str, Any]) -> None:
    """A parameter without a value is refused; formats and enumerations say so by themselves."""
    if schema.get("type") == "array":
        schema.setdefault("minItems", 1)
    elif schema.get("type") == "string" and not schema.keys() & {"enum", "format"}:
        schema.setdefault("minLength", 1)
