"""Where things lie: the state directory of the product, and the places of the embedded servers.

`.local/` in the checkout is the state directory: logs, media, mail, `demo.json`. The servers' data lies in
`.local/servers/<name>/` wherever the account that runs them can reach it and own it. Where it can't (root's checkout
below a closed directory such as /root, or a file system without owners), it lies in
`/var/lib/faultreporter/<checkout>/<name>/` for root, else `~/.local/state/faultreporter/<checkout>/<name>/`.
LOCAL_STACK_DIR overrides both. Sockets lie in a short directory of their own, because their paths end at 107 bytes.
"""

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from faultreporter.localstack.account import Account, server_account
from faultreporter.localstack.environment import CHECKOUT
from faultreporter.localstack.errors import StackError

LONGEST_SOCKET_DIRECTORY = 80  # bytes; leaves room for the socket's own name on every system
SOCKETS_PREFIX = "fr-"
THROWAWAY_PREFIX = "fr-exec-"
MAIN = "main"


@dataclass(frozen=True)
class Place:
    """One set of embedded servers: their data, their lock and their record."""

    directory: Path
    account: Account

    @property
    def postgres(self) -> Path:
        return self.directory / "pg"

    @property
    def valkey(self) -> Path:
        return self.directory / "valkey"

    @property
    def mark(self) -> str:
        """Stands in the command lines of this place's servers, so that a survivor can be told from a stranger's."""
        return SOCKETS_PREFIX + digest(self.directory)

    @property
    def lock_file(self) -> Path:
        return self.directory / "lock"

    @property
    def record_file(self) -> Path:
        return self.directory / "stack.json"


def digest(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:12]


def state_directory(environment: Mapping[str, str], name: str = MAIN, checkout: Path = CHECKOUT) -> Path:
    """The settings' STATE_DIR: media, logs and demo.json belong to one database, so another name has another one."""
    main = (checkout / environment.get("STATE_DIR", ".local")).resolve()
    return main if name == MAIN else main / "others" / name


def choose_place(environment: Mapping[str, str], name: str = MAIN, checkout: Path = CHECKOUT) -> Place:
    """Where the servers called `name` live: where their data already is, else the first place that will do."""
    if not re.fullmatch(r"[A-Za-z0-9._-]+", name):
        raise StackError(f"{name!r} can't be the name of a data directory: letters, digits, dots and dashes only.")
    candidates = [directory / name for directory in homes(environment, checkout)]
    existing = next((home for home in candidates if os.path.exists(home / "pg")), None)
    account = server_account(checkout, existing / "pg" if existing else None)
    for home in [existing] if existing else candidates:
        if is_usable(home, account):
            return Place(home.resolve(), account)
    raise StackError(
        f"{account.name} can't keep the databases in {' or '.join(str(home) for home in candidates)}. "
        "Set LOCAL_STACK_DIR to a directory that account can reach, or run as the account that owns the data."
    )


def existing_places(environment: Mapping[str, str], name: str = MAIN, checkout: Path = CHECKOUT) -> list[Place]:
    """Where servers of that name have worked before."""
    directories = [home / name for home in homes(environment, checkout)]
    return [
        Place(directory.resolve(), server_account(checkout, directory / "pg"))
        for directory in directories
        if (directory / "lock").exists()
    ]


def homes(environment: Mapping[str, str], checkout: Path) -> list[Path]:
    if environment.get("LOCAL_STACK_DIR"):
        return [(checkout / environment["LOCAL_STACK_DIR"]).resolve()]
    if os.geteuid() == 0:
        states = Path("/var/lib")
    else:
        states = Path(environment.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    return [state_directory(environment, checkout=checkout) / "servers", states / "faultreporter" / digest(checkout)]


def is_usable(home: Path, account: Account) -> bool:
    """Make the directory of a place; False, leaving no trace, when the account can't work there."""
    missing = [path for path in (home, *home.parents) if not os.path.exists(path)]
    try:
        make_home(home, account)
        probe = Path(tempfile.mkdtemp(prefix="probe-", dir=home))
        account.own(probe)
        usable = account.owns(probe) and account.can_enter(probe)
        probe.rmdir()
        usable = usable and (not (home / "pg").exists() or account.owns(home / "pg"))
    except PermissionError:
        usable = False
    if not usable:
        for path in missing:
            if path.is_dir() and not any(path.iterdir()):
                path.rmdir()
    return usable


def make_home(home: Path, account: Account) -> None:
    """The supervisor's own directory; another account may walk through it to its data, and see nothing."""
    for path in (*reversed(home.parents), home):
        if not path.exists():
            path.mkdir(mode=0o700)
            if account.is_other:
                path.chmod(0o711)


def throwaway_place(environment: Mapping[str, str]) -> Place:
    account = server_account(CHECKOUT, None)
    directory = Path(tempfile.mkdtemp(prefix=THROWAWAY_PREFIX, dir=short_parent(environment, account)))
    if account.is_other:
        directory.chmod(0o711)
    return Place(directory.resolve(), account)


def make_sockets(environment: Mapping[str, str], account: Account) -> Path:
    """A fresh directory that only the servers' account (and root) can enter."""
    directory = Path(tempfile.mkdtemp(prefix=SOCKETS_PREFIX, dir=short_parent(environment, account)))
    account.own(directory)
    return directory


def short_parent(environment: Mapping[str, str], account: Account) -> Path:
    for name in (environment.get("TMPDIR") or "/tmp", "/tmp", "/var/tmp"):  # noqa: S108 - mkdtemp follows
        directory = Path(name).resolve()
        if (
            len(os.fsencode(directory)) <= LONGEST_SOCKET_DIRECTORY
            and directory.is_dir()
            and account.can_enter(directory)
        ):
            return directory
    raise StackError("No temporary directory with a short path that the database servers could use: set TMPDIR.")


def remove(directory: Path) -> None:
    shutil.rmtree(directory, ignore_errors=True)
