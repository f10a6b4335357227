"""Moves of one record: `POST /alerts/{id}/acknowledge` and its like, all of one make."""

from collections.abc import Callable
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

Move = Callable[[Any, Any, dict[str, Any]], str | None]


def transition(
    path: str,
    body: type[BaseSerializer[Any]] | None = None,
    *,
    summary: str | None = None,
    operation_id: str | None = None,
) -> Callable[[Move], Any]:
    """Make a viewset method `(self, record, data) -> message | None` a POST that moves one record.

    The record comes locked, permitted and of the version that If-Match names. `data` is the checked body, with `by`
    and `at`: whoever calls, and when it happened (`occurred_at` of the body, now if that says nothing). The answer is
    the record as it is after the move.
    """

    def decorate(move: Move) -> Any:
        def endpoint(self: Any, request: Any, *args: Any, **kwargs: Any) -> Response:
            record = self.lock_object()
            said = self.body(body) if body is not None else {}
            at = said.pop("occurred_at", None) or self.now()
            message = move(self, record, {**said, "by": request.user, "at": at})
            answer: Response = self.answer(self.reload(record), message=message)
            return answer

        endpoint.__name__ = move.__name__
        endpoint.__doc__ = move.__doc__
        routed = action(detail=True, methods=["post"], url_path=path, url_name=path)(endpoint)
        # Last: @action would forget what is said about the operation.
        return extend_schema(request=body, summary=summary, operation_id=operation_id)(routed)

    return decorate
