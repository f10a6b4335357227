import socket
from pathlib import Path

import pytest

from faultreporter.localstack.environment import first_free_port, is_free, read_environment, wanted_port
from faultreporter.localstack.errors import StackError


def test_the_process_environment_wins_over_dotenv(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("DATABASE_URL=postgresql://file/db\nREDIS_URL='redis://file'\n")

    environment = read_environment({"DATABASE_URL": "postgresql://shell/db"}, tmp_path)

    assert environment == {"DATABASE_URL": "postgresql://shell/db", "REDIS_URL": "redis://file"}


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("NAME=plain", "plain"),
        ("export NAME = spaced ", "spaced"),
        ('NAME="quoted # kept"', "quoted # kept"),
        ("NAME=value # a comment", "value"),
        ("NAME=pass#word", "pass#word"),
        ("NAME=", ""),
        ("NAME=# nothing but a comment", ""),
    ],
)
def test_dotenv_values(tmp_path: Path, line: str, value: str) -> None:
    (tmp_path / ".env").write_text(f"# a heading\n\n{line}\n")

    assert read_environment({}, tmp_path) == {"NAME": value}


def test_a_taken_port_gives_way_to_the_next_free_one() -> None:
    with socket.socket() as taken:
        taken.bind(("0.0.0.0", 0))
        taken.listen()
        port = taken.getsockname()[1]

        assert not is_free(port)
        assert port < first_free_port(port) < port + 100


def test_a_port_shared_by_its_listener_is_taken_too() -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        taken.bind(("127.0.0.1", 0))
        taken.listen()

        assert not is_free(taken.getsockname()[1])


@pytest.mark.parametrize("text", ["web", "0", "70000", "-1"])
def test_a_port_must_be_one(text: str) -> None:
    with pytest.raises(StackError, match=f"PORT={text} is not a port number"):
        wanted_port({"PORT": text}, "PORT", 8000)
