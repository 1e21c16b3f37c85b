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
def test_megabytes_formats_sizes_for_people(size: int, text: str) -> None:
    assert output.megabytes(size) == text


def test_json_output_does_not_escape_unicode(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_json({"text": "Küche"})
    printed = capsys.readouterr().out
    assert "Küche" in printed
    assert json.loads(printed) == {"text": "Küche"}


def test_progress_prints_each_phase_once_without_a_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with progress.progress_bars() as show:
        move = show("m")
        for phase, percent in (("download", 0), ("download", 50), ("verify", 3), ("verify", 100)):
            move(phase, percent)
    assert capsys.readouterr().err == "m: download\nm: verify\n"


def test_progress_bar_is_shown_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    with progress.progress_bars() as show:
        show("whisper/base")("download", 40)
        show("other")("load", -1)
    assert "whisper/base" in screen.getvalue()
    assert "40%" in screen.getvalue()


def test_spinner_is_shown_on_a_terminal_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for screen, shown in ((Terminal(), True), (io.StringIO(), False)):
        monkeypatch.setattr(sys, "stderr", screen)
        monkeypatch.setenv("TERM", "xterm")
        with status.spinner("speaking") as set_text:
            set_text("loading")
        assert bool(screen.getvalue()) is shown
