import io
import json
import sys

import pytest

from wyoming_servers.cli import (
    output,
)
from wyoming_servers.cli import (
    output as progress,
)
from wyoming_servers.cli import (
    output as status,
)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 MB"), (63_201_294, "63 MB"), (3_900_000_000, "3.9 GB")]
)
def test_sizes_are_told_as_people_compare_them(size: int, text: str) -> None:
    assert output.megabytes(size) == text


def test_json_is_readable_beyond_ascii(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_json({"text": "Küche"})
    printed = capsys.readouterr().out
    assert "Küche" in printed
    assert json.loads(printed) == {"text": "Küche"}


def test_without_a_terminal_each_phase_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.progress_bars() as show:
        move = show("m")
        for phase, percent in (("download", 0), ("download", 50), ("verify", 3), ("verify", 100)):
            move(phase, percent)
    assert capsys.readouterr().err == "m: download\nm: verify\n"


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    with progress.progress_bars() as show:
        show("whisper/base")("download", 40)
        show("other")("load", -1)
    assert "whisper/base" in screen.getvalue()
    assert "40%" in screen.getvalue()


def test_a_terminal_sees_what_is_waited_for_and_a_pipe_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for screen, shown in ((Terminal(), True), (io.StringIO(), False)):
        monkeypatch.setattr(sys, "stderr", screen)
        monkeypatch.setenv("TERM", "xterm")
        with status.spinner("speaking") as tell:
            tell("loading")
        assert bool(screen.getvalue()) is shown
