from typing import Any

from faultreporter.audit import triggers


def install_triggers(*, using: str, **_kwargs: Any) -> None:
    triggers.sync(using=using)
