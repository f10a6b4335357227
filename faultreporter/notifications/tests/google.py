"""A push service of our own that speaks FCM's HTTP v1: the OAuth token, `messages:send`, and its ways of failing."""

import json
import socket
import time
from collections import deque
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

from faultreporter.accounts.tests.google import PROJECT, private_pem

FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
BAD_REQUEST = "type.googleapis.com/google.rpc.BadRequest"
Answer = tuple[int, dict[str, Any], dict[str, str]]


def error(status: int, name: str, *, fcm: str = "", fields: tuple[str, ...] = (), **headers: str) -> Answer:
    """An error as Google writes them: google.rpc.Status in JSON."""
    details: list[dict[str, Any]] = [{"@type": FCM_ERROR, "errorCode": fcm}] if fcm else []
    if fields:
        blamed = [{"field": field, "description": "Invalid registration"} for field in fields]
        details.append({"@type": BAD_REQUEST, "fieldViolations": blamed})
    body = {"error": {"code": status, "message": f"{name} it is.", "status": name, "details": details}}
    return status, body, {name.replace("_", "-"): value for name, value in headers.items()}


UNREGISTERED = error(404, "NOT_FOUND", fcm="UNREGISTERED")
BAD_TOKEN = error(400, "INVALID_ARGUMENT", fcm="INVALID_ARGUMENT", fields=("message.token",))
BAD_MESSAGE = error(400, "INVALID_ARGUMENT", fcm="INVALID_ARGUMENT", fields=("message.android.ttl",))
OTHER_SENDER = error(403, "PERMISSION_DENIED", fcm="SENDER_ID_MISMATCH")
APNS_CREDENTIALS = error(401, "UNAUTHENTICATED", fcm="THIRD_PARTY_AUTH_ERROR")
QUOTA = error(429, "RESOURCE_EXHAUSTED", fcm="QUOTA_EXCEEDED", Retry_After="90")
UNAVAILABLE = error(503, "UNAVAILABLE", fcm="UNAVAILABLE")
INTERNAL = error(500, "INTERNAL", fcm="INTERNAL")
RESET = error(0, "RESET")


class FakeFcm:
    """What was sent to it is in `messages`; `faults` answers the next requests, `always` all of them."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.requests = 0
        self.tokens = 0
        self.faults: deque[Answer] = deque()
        self.always: Answer | None = None
        self.dead: set[str] = set()
        self.token_status = 200
        self.delay = 0.0
        self.on_message: Callable[[], None] = lambda: None
        self.lock = Lock()
        fcm = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.path == "/token":
                    fcm.tokens += 1
                    self.answer(
                        fcm.token_status, {"access_token": "opaque", "expires_in": 3600, "token_type": "Bearer"}
                    )
                elif self.path != f"/v1/projects/{PROJECT}/messages:send":
                    self.answer(404, {})
                elif self.headers["Authorization"] != "Bearer opaque":
                    self.answer(*error(401, "UNAUTHENTICATED")[:2])
                else:
                    self.take(json.loads(body)["message"])

            def take(self, message: dict[str, Any]) -> None:
                time.sleep(fcm.delay)
                status, body, headers = fcm.judge(message)
                if status == 0:  # the line goes dead
                    self.connection.shutdown(socket.SHUT_RDWR)
                    self.close_connection = True
                    return
                self.answer(status, body, **headers)

            def answer(self, status: int, content: Any, **headers: str) -> None:
                body = json.dumps(content).encode()
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            request_queue_size = 128  # fifty phones knock at once

        self.server = Server(("127.0.0.1", 0), Handler)
        self.thread = Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def judge(self, message: dict[str, Any]) -> Answer:
        """What this message gets: a scripted fault, a refusal of its address, or a place in `messages`."""
        with self.lock:
            self.requests += 1
            if self.faults:
                return self.faults.popleft()
            if self.always:
                return self.always
            addresses = [message[name] for name in ("fid", "token", "topic", "condition") if name in message]
            if len(addresses) != 1:
                return BAD_MESSAGE
            if addresses[0] in self.dead:
                return UNREGISTERED
            self.messages.append(message)
            number = len(self.messages)
        self.on_message()
        return 200, {"name": f"projects/{PROJECT}/messages/{number}"}, {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    @property
    def titles(self) -> list[str]:
        return [message["notification"]["title"] for message in self.messages]

    def __enter__(self) -> "FakeFcm":
        self.thread.start()
        return self

    def __exit__(self, *args: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def service_account(self) -> dict[str, str]:
        return {
            "type": "service_account",
            "project_id": PROJECT,
            "private_key_id": "sa",
            "private_key": private_pem("service-account"),
            "client_email": f"server@{PROJECT}.iam.gserviceaccount.com",
            "client_id": "1",
            "token_uri": f"{self.url}/token",
        }
