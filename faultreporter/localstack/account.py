"""Which account the database servers run under: PostgreSQL refuses root, and Valkey doesn't need it."""

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path

from faultreporter.localstack.errors import StackError


@dataclass(frozen=True)
class Account:
    """An account of the machine that the supervisor can become; `uid` None means the caller's own."""

    name: str
    uid: int | None = None
    gid: int | None = None

    @property
    def is_other(self) -> bool:
        return self.uid is not None

    def own(self, path: Path) -> None:
        """Make a directory this account's and nobody else's."""
        path.mkdir(mode=0o700, exist_ok=True)
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)
        path.chmod(0o700)

    def owns(self, path: Path) -> bool:
        """False also on file systems that only pretend to change owner or mode, where PostgreSQL refuses to start."""
        found = path.stat()
        return found.st_uid == (os.geteuid() if self.uid is None else self.uid) and found.st_mode & 0o077 == 0

    def can_enter(self, directory: Path) -> bool:
        """Asked by trying, as that account: parents, mounts and access lists all have a say."""
        return self.runs(["/bin/sh", "-c", 'cd "$1" && test -w .', "sh", str(directory)])

    def runs(self, command: list[str]) -> bool:
        groups: list[int] | None = [] if self.is_other else None
        try:
            tried = subprocess.run(
                command,
                user=self.uid,
                group=self.gid,
                extra_groups=groups,
                cwd="/",
                capture_output=True,
                check=False,
            )
        except PermissionError:
            return False
        except OSError as error:
            raise StackError(f"Nobody can become {self.name} here: {error}. Run it as an ordinary user.") from error
        return tried.returncode == 0


def server_account(checkout: Path, data: Path | None) -> Account:
    """The caller, or for root: the owner of the data, else of the checkout, else `nobody`."""
    if os.geteuid() != 0:
        me = pwd.getpwuid(os.geteuid())
        return Account(me.pw_name)
    owners = [path.stat().st_uid for path in (data, checkout) if path is not None and path.exists()]
    return named_account(next((uid for uid in owners if uid != 0), None))


def named_account(uid: int | None) -> Account:
    try:
        entry = pwd.getpwnam("nobody") if uid is None else pwd.getpwuid(uid)
    except KeyError as error:
        who = "nobody" if uid is None else f"with number {uid}"
        raise StackError(f"PostgreSQL refuses to run as root, and there is no account {who} to run it as.") from error
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
