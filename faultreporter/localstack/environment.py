"""What the caller has decided already: the environment, `.env`, and which ports are taken."""

import re
import socket
from collections.abc import Mapping
from pathlib import Path

from faultreporter.localstack.errors import StackError

CHECKOUT = Path(__file__).resolve().parents[2]
PORTS_TRIED = 100
ASSIGNMENT = re.compile(r"^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*?)\s*$")


def read_environment(environ: Mapping[str, str], checkout: Path = CHECKOUT) -> dict[str, str]:
    """The variables the settings will see: the process environment, and below it `.env` (or ENV_FILE)."""
    file = checkout / environ.get("ENV_FILE", ".env")
    written = parse_dotenv(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return {**written, **environ}


def parse_dotenv(text: str) -> dict[str, str]:
    """Plain `NAME=value` lines; quotes around a value and comments after an unquoted one are dropped."""
    found = {}
    for line in text.splitlines():
        match = ASSIGNMENT.match(line)
        if match:
            found[match[1]] = unquoted(match[2])
    return found


def unquoted(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        return value[1:-1]
    return re.split(r"(?:^|\s)#", value, maxsplit=1)[0].rstrip()


def wanted_port(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name) or str(default)
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise StackError(f"{name}={text} is not a port number.")
    return int(text)


def first_free_port(wanted: int) -> int:
    """The wanted port of 127.0.0.1, or the next one nobody listens on."""
    for port in range(wanted, min(wanted + PORTS_TRIED, 65536)):
        if is_free(port):
            return port
    raise StackError(f"No free port from {wanted} on; set PORT to another range.")


def is_free(port: int) -> bool:
    # Both questions: a listener that shares its port (SO_REUSEPORT) lets us bind, one on 0.0.0.0 may too.
    with socket.socket() as caller:
        caller.settimeout(0.5)
        if caller.connect_ex(("127.0.0.1", port)) == 0:
            return False
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
