"""`.env.example` against faultreporter/settings.py, which is read as text: importing it would need Django."""

import ast
import re

from faultreporter.localstack.environment import CHECKOUT

SET_BY_OTHERS = {
    "PORT",
    "STREAM_PORT",
    "LOCAL_STACK_DIR",
    "ENV_FILE",
    "PUBLIC_HOST",
    "POSTGRES_PASSWORD",
    "VALKEY_PASSWORD",
}


def documented() -> dict[str, str]:
    lines = re.findall(r"^# ([A-Z][A-Z0-9_]+)=(.*)$", (CHECKOUT / ".env.example").read_text(), re.MULTILINE)
    return dict(lines)


def fields() -> dict[str, str]:
    """The variables of the settings, and their defaults where these are plain."""
    tree = ast.parse((CHECKOUT / "faultreporter" / "settings.py").read_text())
    environment = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Environment")
    assignments = [node for node in environment.body if isinstance(node, ast.AnnAssign)]
    return {ast.unparse(node.target): plain_default(node.value) for node in assignments}


def provider_fields() -> set[str]:
    """What the files of the AI providers, each a declaration of one, say that they read."""
    files = (CHECKOUT / "aiassist" / "providers").glob("*.py")
    names = [name for file in files for name in re.findall(r'^ +name="([A-Z]+)"', file.read_text(), re.MULTILINE)]
    return {f"{name}_{what}" for name in names for what in ("API_KEY", "MODEL", "BASE_URL")}


def plain_default(value: ast.expr | None) -> str:
    if isinstance(value, ast.Call):
        value = next((keyword.value for keyword in value.keywords if keyword.arg == "default"), None)
    if isinstance(value, ast.Constant):
        return str(value.value).lower() if isinstance(value.value, bool) else str(value.value)
    return ""


def test_every_variable_is_documented_and_none_that_is_not_read() -> None:
    assert documented().keys() - SET_BY_OTHERS == fields().keys() | provider_fields()


def test_the_documented_defaults_are_the_real_ones() -> None:
    ours = {"DATABASE_URL", "REDIS_URL", "SECRET_KEY"}  # the local stack starts its own; the key is a name
    real = {name: default for name, default in fields().items() if default and name not in ours}

    assert {name: documented()[name] for name in real} == real
