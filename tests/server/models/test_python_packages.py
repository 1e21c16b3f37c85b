"""Requirements on Python distributions and their files."""

from collections.abc import Callable
from pathlib import Path

import pytest

from wyoming_servers.core.engine_info import EngineInfo
from wyoming_servers.models.python_packages import RequirementChecker


@pytest.fixture(autouse=True)
def packages(package: Callable[..., Path]) -> None:
    package("a-reader", {"a_reader/dictionary.bin": b"x"})
    package("a-voice", {"a_voice/__init__.py": b""})


@pytest.mark.parametrize(
    "need",
    [
        "a-reader",
        "A_Reader",
        "a-reader:a_reader/dictionary.bin",
        "no-such-reader or a-reader",
        "a-reader:a_reader/other.bin or a-voice",
    ],
)
def test_installed_requirement_is_not_missing(need: str) -> None:
    assert RequirementChecker().missing("fake", [need]) == ()


@pytest.mark.parametrize(
    "need",
    ["no-such-reader", "a-reader:a_reader/other.bin", "no-such-reader or a-voice:a_voice/x.bin"],
)
def test_missing_requirement_is_returned(need: str) -> None:
    assert RequirementChecker().missing("fake", ["a-voice", need]) == (need,)


def test_engine_requires_its_library(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = EngineInfo("speaker", requirements=("no-such-engine",))
    monkeypatch.setattr("wyoming_servers.models.python_packages.find_engine", lambda _: engine)
    assert RequirementChecker().missing("speaker", ["no-such-reader"]) == (
        "no-such-engine",
        "no-such-reader",
    )


def test_new_checker_sees_a_package_installed_later(
    package: Callable[..., Path],
) -> None:
    needs = RequirementChecker()
    assert needs.missing("fake", ["late-reader"])
    package("late-reader", {"late_reader/__init__.py": b""})
    assert needs.missing("fake", ["late-reader"])
    assert not RequirementChecker().missing("fake", ["late-reader"])
