import os
from pathlib import Path

import pytest

from faultreporter.localstack import places
from faultreporter.localstack.account import Account, server_account
from faultreporter.localstack.errors import StackError

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the servers under another account")


def test_data_lies_in_the_state_directory(reachable_path: Path) -> None:
    place = places.choose_place({}, checkout=reachable_path)

    assert place.directory == reachable_path / ".local/servers/main"
    assert place.account.can_enter(place.directory.parent) or place.account.is_other


@as_root
def test_root_hands_the_data_to_an_ordinary_account(reachable_path: Path) -> None:
    place = places.choose_place({}, checkout=reachable_path)
    place.account.own(place.postgres)

    assert place.account.name == "nobody"
    assert place.postgres.stat().st_uid == place.account.uid
    assert place.postgres.stat().st_mode & 0o777 == 0o700


@as_root
def test_the_owner_of_the_checkout_runs_the_servers_of_root(reachable_path: Path) -> None:
    os.chown(reachable_path, 4, -1)

    assert server_account(reachable_path, None).uid == 4


@as_root
def test_a_checkout_that_nobody_can_reach_keeps_its_data_elsewhere(
    reachable_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = reachable_path / "elsewhere"
    closed = reachable_path / "closed"
    closed.mkdir(mode=0o700)
    monkeypatch.setattr(
        places, "homes", lambda *_: [closed / ".local/servers", elsewhere / "servers"]
    )  # instead of /var/lib

    place = places.choose_place({}, checkout=closed)

    assert place.directory == elsewhere / "servers/main"
    assert list(closed.iterdir()) == []


@as_root
def test_it_says_where_it_could_not_keep_the_data(reachable_path: Path) -> None:
    closed = reachable_path / "closed"
    closed.mkdir(mode=0o700)

    with pytest.raises(StackError, match=f"nobody can't keep the databases in {closed}/data/main"):
        places.choose_place({"LOCAL_STACK_DIR": str(closed / "data")})


def test_existing_data_is_found_again_before_a_better_place(
    reachable_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = reachable_path / "first", reachable_path / "second"
    monkeypatch.setattr(places, "homes", lambda *_: [first, second])
    places.make_home(second / "main", server_account(reachable_path, None))
    (second / "main/pg").mkdir()
    (second / "main/pg/PG_VERSION").write_text("18\n")
    server_account(reachable_path, None).own(second / "main/pg")

    assert places.choose_place({}, checkout=reachable_path).directory == second / "main"


def test_socket_paths_stay_short_and_private(reachable_path: Path) -> None:
    account = server_account(reachable_path, None)
    assert len(str(reachable_path)) > 200

    sockets = places.make_sockets({"TMPDIR": str(reachable_path)}, account)

    assert len(str(sockets / ".s.PGSQL.5432")) < 104
    assert account.owns(sockets)
    sockets.rmdir()


@pytest.mark.parametrize("name", ["", "../etc", "a/b", "a b"])
def test_a_name_stays_below_its_home(name: str) -> None:
    with pytest.raises(StackError, match="can't be the name"):
        places.choose_place({}, name)


def test_an_account_that_does_not_exist_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    if os.getuid() == 0:
        os.chown(tmp_path, 54321, -1)
        with pytest.raises(StackError, match="no account with number 54321"):
            server_account(tmp_path, None)


def test_the_callers_own_account_is_no_other() -> None:
    assert not Account("me").is_other
    assert Account("me").runs(["true"])
    assert not Account("me").runs(["false"])


def test_each_database_has_its_own_media_and_demo(tmp_path: Path) -> None:
    assert places.state_directory({}, checkout=tmp_path) == tmp_path / ".local"
    assert places.state_directory({"STATE_DIR": "/srv"}, "bench", tmp_path) == Path("/srv/others/bench")
