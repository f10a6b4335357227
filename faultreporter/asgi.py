"""The stream process: long-lived connections, apart from the few threads of the API."""

import asyncio
import os
from contextlib import suppress
from typing import Any

import django
from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.core.handlers.asgi import ASGIHandler
from django.db import close_old_connections
from django.http.response import HttpResponseBase

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "faultreporter.settings")

ADMITTED_AT_ONCE = 4
SLOWEST = 60.0  # seconds in which a client that reads nothing at all is let go


class StreamHandler(ASGIHandler):
    """Django's own, but a stream that is open holds neither a thread nor a database connection.

    Both belong to the request's answer being found: a few at a time, however many clients come back at once. Writing
    to a client that doesn't read waits for it, so nothing piles up, and not for ever.
    """

    def __init__(self) -> None:
        super().__init__()
        self.admissions = asyncio.Semaphore(ADMITTED_AT_ONCE)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.handle(scope, receive, send)

    async def run_get_response(self, request: Any) -> HttpResponseBase:
        async with self.admissions, ThreadSensitiveContext():
            try:
                return await super().run_get_response(request)
            finally:
                await sync_to_async(close_old_connections)()

    async def send_response(self, response: Any, send: Any) -> None:
        async def send_in_time(message: Any) -> None:
            async with asyncio.timeout(SLOWEST):
                await send(message)

        with suppress(TimeoutError):
            await super().send_response(response, send_in_time)


django.setup(set_prefix=False)
application = StreamHandler()
