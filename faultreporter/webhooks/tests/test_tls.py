"""The certificate must be the name's, though the connection goes to an address."""

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from faultreporter.webhooks import transport
from faultreporter.webhooks.tests.receiver import Receiver, listening


def self_signed(name: str, folder: Path) -> Path:
    """Key and certificate for `name` in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    file = folder / "receiver.pem"
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return file


@pytest.fixture
def secure(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """A receiver with a certificate for hooks.example.com, from an authority that the system trusts."""
    settings.WEBHOOK_ALLOW_PRIVATE = True
    pem = self_signed("hooks.example.com", tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    transport.tls.cache_clear()
    with listening(lambda sock: context.wrap_socket(sock, server_side=True)) as receiver:
        receiver.url = receiver.url.replace("http://127.0.0.1", "https://hooks.example.com")
        yield receiver
    transport.tls.cache_clear()


def here(_host: str, _port: int) -> list[str]:
    return ["127.0.0.1"]


def test_it_works(secure: Receiver) -> None:
    answer = transport.post(secure.url, body=b"{}", headers={}, resolve=here)

    assert answer.status == 204
    assert secure.received[0].headers["host"].startswith("hooks.example.com:")


def test_a_certificate_of_another_name_is_refused(secure: Receiver) -> None:
    with pytest.raises(transport.TlsFailed):
        transport.post(secure.url.replace("hooks.", "other."), body=b"{}", headers={}, resolve=here)

    assert secure.received == []


def test_an_authority_nobody_trusts_is_refused(secure: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    transport.tls.cache_clear()

    with pytest.raises(transport.TlsFailed):
        transport.post(secure.url, body=b"{}", headers={}, resolve=here)
