import json
from collections.abc import Iterator
from typing import Any

import firebase_admin
import pytest
from google.oauth2 import service_account

from faultreporter.notifications import push
from faultreporter.notifications.tests.google import FakeFcm


@pytest.fixture
def fcm(settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Iterator[FakeFcm]:
    """The production path to a push service of ours: a service account that names it, and FCM_URL."""
    # A look-up in a thread of its own, which only Google's own address answers.
    monkeypatch.setattr(
        service_account.Credentials, "_maybe_start_regional_access_boundary_refresh", lambda *args: None
    )
    with FakeFcm() as fake:
        path = tmp_path / "service-account.json"
        path.write_text(json.dumps(fake.service_account()))
        settings.FCM_URL, settings.FIREBASE_SERVICE_ACCOUNT_PATH = fake.url, str(path)
        settings.FIREBASE_PROJECT_ID = ""
        push.fcm.cache_clear()
        yield fake
        if push.fcm.cache_info().currsize:
            firebase_admin.delete_app(push.fcm().app)
        push.fcm.cache_clear()
