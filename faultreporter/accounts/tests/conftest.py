import json
from collections.abc import Callable, Iterator
from typing import Any

import firebase_admin
import pytest
from firebase_admin import _token_gen, _user_mgt
from google.oauth2 import service_account
from rest_framework.test import APIClient

from faultreporter.accounts.firebase import identity_provider
from faultreporter.accounts.tests.google import PROJECT, FakeGoogle


@pytest.fixture
def google() -> Iterator[FakeGoogle]:
    with FakeGoogle() as google:
        google.knows("uid-tess")
        yield google


@pytest.fixture
def firebase(google: FakeGoogle, settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Iterator[FakeGoogle]:
    """The production path to a project of ours: only the addresses of Google's servers in the SDK are other ones."""
    monkeypatch.setattr(_token_gen, "ID_TOKEN_CERT_URI", f"{google.url}/x509")
    monkeypatch.setattr(_user_mgt.UserManager, "ID_TOOLKIT_URL", f"{google.url}/v1")
    # A look-up in a thread of its own, which only Google's own address answers.
    monkeypatch.setattr(
        service_account.Credentials, "_maybe_start_regional_access_boundary_refresh", lambda *args: None
    )
    path = tmp_path / "service-account.json"
    path.write_text(json.dumps(google.service_account()))
    settings.FIREBASE_PROJECT_ID, settings.FIREBASE_SERVICE_ACCOUNT_PATH = PROJECT, str(path)
    identity_provider.cache_clear()
    yield google
    if identity_provider.cache_info().currsize:
        firebase_admin.delete_app(identity_provider().sdk.app)
    identity_provider.cache_clear()


@pytest.fixture
def bearer() -> Callable[[str], APIClient]:
    """A client that sends this credential."""

    def client(credential: str) -> APIClient:
        made = APIClient()
        made.credentials(HTTP_AUTHORIZATION=f"Bearer {credential}")
        return made

    return client
