import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from faultreporter.localstack import census
from faultreporter.localstack.account import Account
from faultreporter.localstack.errors import StackError
from faultreporter.localstack.places import Place
from faultreporter.localstack.record import Record, claimed, is_claimed
from faultreporter.localstack.tests.waiting import wait_until


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path, Account("me"))


@pytest.fixture
def survivor() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True) as process:
        wait_until(lambda: census.born(process.pid) != "")
        yield process
        process.kill()


def test_a_place_has_one_supervisor_at_a_time(place: Place) -> None:
    with claimed(place, "run"):
        assert is_claimed(place)
        with pytest.raises(StackError, match=r"`run` .* already works in"), claimed(place, "serve"):
            pass

    assert not is_claimed(place)
    assert Record.read(place) == Record()


def test_a_survivor_of_a_killed_supervisor_is_ended(place: Place, survivor: subprocess.Popen[bytes]) -> None:
    Record(children={"worker": (survivor.pid, census.born(survivor.pid))}).write(place)

    with claimed(place, "run"):
        assert survivor.wait(5) != 0


def test_a_stranger_with_the_same_number_is_left_alone(place: Place, survivor: subprocess.Popen[bytes]) -> None:
    Record(children={"worker": (survivor.pid, "another boot/1")}).write(place)

    with claimed(place, "run"):
        assert survivor.poll() is None


def test_the_sockets_of_a_killed_supervisor_are_removed(place: Place, tmp_path: Path) -> None:
    sockets = tmp_path / "fr-sockets"
    sockets.mkdir()
    Record(sockets=str(sockets)).write(place)

    with claimed(place, "run"):
        assert not sockets.exists()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"unknown": 1}'])
def test_a_spoilt_record_is_as_good_as_none(place: Place, text: str) -> None:
    place.record_file.write_text(text)

    assert Record.read(place) == Record()


def test_the_record_is_for_its_owner_only(place: Place) -> None:
    Record(environment={"DATABASE_URL": "postgresql:///secret"}).write(place)

    assert place.record_file.stat().st_mode & 0o777 == 0o600
