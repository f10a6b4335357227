"""`exec`: one command with servers of its own, or with those that run already."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import FrameType

from faultreporter.localstack.account import server_account
from faultreporter.localstack.environment import CHECKOUT
from faultreporter.localstack.errors import StackError
from faultreporter.localstack.places import (
    THROWAWAY_PREFIX,
    Place,
    choose_place,
    remove,
    short_parent,
    state_directory,
    throwaway_place,
)
from faultreporter.localstack.record import Record, claimed, is_claimed
from faultreporter.localstack.servers import are_needed, servers_running


def execute(environment: Mapping[str, str], name: str, command: Sequence[str]) -> int:
    """Run it with DATABASE_URL and REDIS_URL set, and hand back its exit status.

    Without a name the servers are fresh, fast, unsafe against power cuts, and gone afterwards. With a name they keep
    their data, and are those of the supervisor that works there, when one does.
    """
    if not command:
        raise StackError("exec needs a command: exec -- COMMAND…")
    if not are_needed(environment):
        return call(command, {})
    if not name:
        return execute_apart(environment, command)
    place = choose_place(environment, name)
    state = state_directory(environment, name)
    (state / "static").mkdir(parents=True, exist_ok=True)
    theirs = {"STATE_DIR": str(state)}
    if is_claimed(place):
        return call(command, {**theirs, **urls_of(Record.read(place))})
    with claimed(place, "exec") as record, servers_running(place, record, environment, state / "log", durable=True):
        return call(command, {**theirs, **record.environment})


def execute_apart(environment: Mapping[str, str], command: Sequence[str]) -> int:
    sweep(environment)
    place = throwaway_place(environment)
    state = place.directory / "state"
    (state / "static").mkdir(parents=True)
    try:
        with (
            claimed(place, "exec") as record,
            servers_running(place, record, environment, place.directory, durable=False),
        ):
            return call(command, {"STATE_DIR": str(state), **record.environment})
    finally:
        remove(place.directory)


def urls_of(record: Record) -> dict[str, str]:
    if "DATABASE_URL" not in record.environment:
        raise StackError(f"`{record.purpose}` (process {record.pid}) is still starting its servers; try again.")
    return record.environment


def sweep(environment: Mapping[str, str]) -> None:
    """Remove what commands left whose supervisor was killed."""
    account = server_account(CHECKOUT, None)
    for directory in short_parent(environment, account).glob(f"{THROWAWAY_PREFIX}*"):
        place = Place(directory, account)
        with suppress(PermissionError, StackError):  # another user's, or one at work
            if place.record_file.exists() and not is_claimed(place):
                with claimed(place, "sweep"):
                    pass
                remove(directory)


def call(command: Sequence[str], servers: Mapping[str, str]) -> int:
    """In the foreground: the terminal, and its Ctrl-C, are the command's."""
    with subprocess.Popen(command, env={**os.environ, **servers}) as process:

        def pass_on(number: int, _frame: FrameType | None) -> None:
            process.send_signal(number)

        def leave_to_the_command(_number: int, _frame: FrameType | None) -> None:
            pass

        before = {number: signal.signal(number, pass_on) for number in (signal.SIGTERM, signal.SIGHUP)}
        before[signal.SIGINT] = signal.signal(signal.SIGINT, leave_to_the_command)
        status = process.wait()
        for number, handler in before.items():
            signal.signal(number, handler)
    return 128 - status if status < 0 else status
