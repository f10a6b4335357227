"""The stream process: long-lived connections, apart from the few threads of the API."""

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import django
from django.core.handlers.asgi import ASGIHandler
from django.db import close_old_connections
from django.http.response import HttpResponseBase

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "faultreporter.settings")

ADMITTED_AT_ONCE = 4
SLOWEST = 60.0  # seconds in which a client that reads nothing at all is let go


class StreamHandler(ASGIHandler):
    """Django's own, but an answer is found as under WSGI: by one of a few threads, however many clients come at once.

    A stream that is open then holds neither a thread nor a database connection. Django would keep both for as long as
    it lasts; and a client that leaves while two threads and the loop wait for each other can stop it for good. Writing
    to a client that doesn't read waits for it, so nothing piles up, and not for ever.
    """

    def __init__(self) -> None:
        super().__init__()
        self.threads = ThreadPoolExecutor(ADMITTED_AT_ONCE, thread_name_prefix="admission")

    def load_middleware(self, is_async: bool = False) -> None:
        super().load_middleware(is_async=False)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.handle(scope, receive, send)

    async def run_get_response(self, request: Any) -> HttpResponseBase:
        return await asyncio.get_running_loop().run_in_executor(self.threads, self.answer, request)

    def answer(self, request: Any) -> HttpResponseBase:
        try:
            return self.get_response(request)
        finally:
            close_old_connections()

    async def send_response(self, response: Any, send: Any) -> None:
        async def send_in_time(message: Any) -> None:
            async with asyncio.timeout(SLOWEST):
                await send(message)

        with suppress(TimeoutError):
            await super().send_response(response, send_in_time)


django.setup(set_prefix=False)
application = StreamHandler()
