"""As much of Google as signing in needs, on this machine: certificates, access tokens, account look-up."""

import datetime
import json
import time
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

PROJECT = "building-7"
ISSUER = f"https://securetoken.google.com/{PROJECT}"


@cache
def private_key(kid: str) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def certificate(kid: str) -> str:
    """A self-signed certificate of the key, as Google publishes them."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, kid)])
    today = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private_key(kid).public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - datetime.timedelta(days=1))
        .not_valid_after(today + datetime.timedelta(days=30))
        .sign(private_key(kid), hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode()


def private_pem(kid: str) -> str:
    return (
        private_key(kid)
        .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        .decode()
    )


def claims(uid: str = "uid-tess", **changes: Any) -> dict[str, Any]:
    """What Firebase puts into an ID token. A claim given as ... is left out."""
    now = int(time.time())
    whole = {
        "iss": ISSUER,
        "aud": PROJECT,
        "sub": uid,
        "user_id": uid,
        "auth_time": now - 60,
        "iat": now - 60,
        "exp": now + 3540,
        "email": "tess@example.org",
        "email_verified": True,
        "name": "Tess",
        "firebase": {"identities": {"email": ["tess@example.org"]}, "sign_in_provider": "password"},
    }
    return {name: value for name, value in {**whole, **changes}.items() if value is not ...}


def signed(payload: Any, *, kid: str = "k1", key: str = "k1") -> str:
    """Any JSON document as the payload of a token signed by one of our keys, whatever its header says."""
    return jwt.api_jws.PyJWS().encode(json.dumps(payload).encode(), private_key(key), "RS256", headers={"kid": kid})


def id_token(uid: str = "uid-tess", *, kid: str = "k1", **changes: Any) -> str:
    return signed(claims(uid, **changes), kid=kid, key=kid)


class FakeGoogle:
    """The servers, and the levers to make them misbehave."""

    def __init__(self) -> None:
        self.certificates: Any = {"k1": certificate("k1")}
        self.max_age = 3600
        self.status = 200
        self.accounts: dict[str, dict[str, Any]] = {}
        self.account_status = 200
        self.asked: list[str] = []
        google = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.answer(google.status, google.certificates, max_age=google.max_age)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.path == "/token":
                    self.answer(200, {"access_token": "opaque", "expires_in": 3600, "token_type": "Bearer"})
                else:
                    found = [google.accounts[uid] for uid in json.loads(body)["localId"] if uid in google.accounts]
                    self.answer(google.account_status, {"users": found} if found else {})

            def answer(self, status: int, content: Any, *, max_age: int = 0) -> None:
                google.asked.append(self.path)
                body = content if isinstance(content, bytes) else json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Cache-Control", f"public, max-age={max_age}, must-revalidate")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self) -> "FakeGoogle":
        self.thread.start()
        return self

    def __exit__(self, *args: object) -> None:
        self.stop()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def knows(self, uid: str, *, valid_since: float = 0, disabled: bool = False) -> None:
        self.accounts[uid] = {"localId": uid, "validSince": str(int(valid_since)), "disabled": disabled}

    def times_asked(self, ending: str) -> int:
        return sum(path.endswith(ending) for path in self.asked)

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
