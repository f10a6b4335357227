"""The embedded Valkey of a place: broker and rate limits, kept in an append-only file, on one unix socket only."""

import re
import signal
import socket
from pathlib import Path

from faultreporter.localstack import census
from faultreporter.localstack.binaries import Server
from faultreporter.localstack.children import Program
from faultreporter.localstack.places import Place


class Valkey:
    """One data directory, and the program that serves it."""

    def __init__(self, place: Place, server: Server, sockets: Path, log: Path, *, durable: bool) -> None:
        self.place = place
        self.server = server
        self.socket = sockets / "valkey.sock"
        self.log = log
        self.durable = durable

    @property
    def url(self) -> str:
        return f"unix://{self.socket}?db=0"

    @property
    def program(self) -> Program:
        settings = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self.place.valkey),
            "dbfilename": f"{self.place.mark}.rdb",
            "appendonly": "yes" if self.durable else "no",
            "appendfsync": "everysec",
            "save": "",
            "maxmemory-policy": "noeviction",
            "set-proc-title": "no",  # the command line stays readable: survivors are told by it
            "daemonize": "no",
        }
        command = [str(self.server.path)]
        for name, value in settings.items():
            command += [f"--{name}", value]
        return Program(
            name="valkey",
            command=command,
            environment={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},
            directory=Path("/"),
            log=self.log,
            account=self.place.account,
            clear=lambda: stop_survivor(self.place),
        )

    def make(self) -> None:
        self.place.account.own(self.place.valkey)

    def is_ready(self) -> bool:
        """Answers PING; it doesn't while it reads its file."""
        with socket.socket(socket.AF_UNIX) as caller:
            caller.settimeout(1)
            try:
                caller.connect(str(self.socket))
                caller.sendall(b"PING\r\n")
                return caller.recv(16).startswith(b"+PONG")
            except OSError:
                return False


def stop_survivor(place: Place) -> None:
    """End a server that outlived its supervisor: two on one append-only file would spoil it."""
    wanted = re.compile(rf"(valkey|redis)-server .*--dbfilename {place.mark}\.rdb( |$)")
    census.stop_all(
        lambda: [process.pid for process in census.listed() if wanted.search(process.command)],
        first=signal.SIGTERM,
        grace=10,
    )
