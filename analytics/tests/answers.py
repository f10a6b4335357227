from typing import Any

ROOT = "/api/v1"


def data(response: Any, status: int = 200) -> Any:
    """What the envelope holds, of an answer that must have this status."""
    assert response.status_code == status, response.content
    return response.json()["data"] if response.content else None
