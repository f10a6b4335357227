from pathlib import Path

import pytest

from faultreporter.localstack import console
from faultreporter.localstack.console import Console, LogTail


def test_only_whole_new_lines_are_shown(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    log.write_text("from yesterday\n")
    tail = LogTail(log)

    with log.open("a") as file:
        file.write("one\ntwo\nhal")
    first = tail.new_lines()
    with log.open("a") as file:
        file.write("f\n")

    assert first == ["one", "two"]
    assert tail.new_lines() == ["half"]
    assert tail.new_lines() == []


def test_a_log_that_does_not_exist_yet_has_no_lines(tmp_path: Path) -> None:
    assert LogTail(tmp_path / "web.log").new_lines() == []


def test_a_long_log_starts_again_and_keeps_its_last_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "LONGEST_LOG", 10)
    log = tmp_path / "web.log"
    tail = LogTail(log)
    log.write_text("a line that is too long\n")

    assert tail.new_lines() == ["a line that is too long"]
    assert log.read_text() == ""
    assert (tmp_path / "web.log.1").read_text() == "a line that is too long\n"


def test_lines_carry_the_name_of_their_process(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    screen = Console()
    log = tmp_path / "web.log"
    screen.follow("web", log)
    log.write_text("GET /health\n")

    screen.show_logs()
    screen.say("two\nlines")
    screen.block(["", "indented"])

    assert capsys.readouterr().out == "web     | GET /health\nstack   | two\nstack   | lines\n\n  indented\n"


def test_a_quiet_process_shows_only_what_is_not_routine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    screen = Console()
    log = tmp_path / "worker.log"
    screen.follow("worker", log, quiet=True)
    log.write_text("12:00 [info     ] Task received\n12:01 [warning  ] Task failed\nTraceback\n")

    screen.show_logs()

    assert capsys.readouterr().out == "worker  | 12:01 [warning  ] Task failed\nworker  | Traceback\n"


def test_names_are_coloured_on_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    screen = Console()
    screen.coloured = True

    screen.line("web", "text")

    assert capsys.readouterr().out == "\033[36mweb     |\033[0m text\n"
