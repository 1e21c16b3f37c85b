"""A server starts and speaks, whatever it finds in its data directory."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.component]

OVERRIDES = "config-overrides.yaml"

SETTINGS = {"asr__enabled": "false", "wake__enabled": "false", "preload": "false"}

GARBAGE = bytes(range(7, 256)) * 20


def garbage(name: str) -> Callable[[Path], None]:
    return lambda folder: _replace(folder / name, GARBAGE)


def zeros(name: str) -> Callable[[Path], None]:
    return lambda folder: _replace(folder / name, bytes(4_096))


def empty(name: str) -> Callable[[Path], None]:
    return lambda folder: _replace(folder / name, b"")


def text(name: str, content: str) -> Callable[[Path], None]:
    return lambda folder: _replace(folder / name, content.encode())


def folder_instead(name: str) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        _remove(folder / name)
        (folder / name).mkdir(parents=True)

    return damage


def file_instead(name: str) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        _remove(folder / name)
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(GARBAGE)

    return damage


def newer(name: str) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        with closing(sqlite3.connect(folder / name)) as database:
            database.execute("PRAGMA user_version = 999")
            database.commit()

    return damage


def torn(name: str) -> Callable[[Path], None]:
    """Zero the second half of a database, as after a power cut on a card without barriers."""

    def damage(folder: Path) -> None:
        path = folder / name
        content = path.read_bytes()
        half = max(1_024, len(content) // 2)
        _replace(path, content[:half] + bytes(len(content) - half))

    return damage


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _replace(path: Path, content: bytes) -> None:
    for suffix in ("", "-wal", "-shm"):
        _remove(path.with_name(path.name + suffix))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


Damage = Callable[[Path], None]

DATABASES = ("jobs/jobs.sqlite", "webhooks.sqlite")
IMPORTANT = (
    *DATABASES,
    *("config-overrides.yaml", "api-token", "webhook-secret", "tokens.json", "vocabulary.json"),
)
"""Files that are set aside and replaced."""

UNIMPORTANT = ("uuid", "footprints.json", "lexicon.yaml")
"""Files whose damage is ignored."""


def each(kind: Callable[[str], Damage], *names: str) -> dict[str, Damage]:
    return {name: kind(name) for name in names}


CASES: dict[str, tuple[dict[str, Damage], dict[str, Damage]]] = {
    # What is set aside, and what is ignored.
    "garbage": (each(garbage, *IMPORTANT), each(garbage, *UNIMPORTANT)),
    "zeros after a power cut": (each(zeros, *IMPORTANT), each(zeros, *UNIMPORTANT)),
    "empty after a power cut": (each(empty, *IMPORTANT[2:]), each(empty, *UNIMPORTANT, *DATABASES)),
    "half written": (each(torn, *DATABASES), {}),
    "newer": (each(newer, *DATABASES), each(garbage, "config-overrides.prev.yaml")),
    "a folder instead of a file": (
        each(folder_instead, *DATABASES, "api-token", "webhook-secret", "vocabulary.json"),
        each(folder_instead, *UNIMPORTANT, "server.json", "config-overrides.prev.yaml"),
    ),
    "a file instead of a folder": (
        each(file_instead, "jobs"),
        each(file_instead, "cache", "wake-words"),
    ),
    "a file instead of a folder below": (
        each(file_instead, "jobs/uploads", "jobs/results"),
        each(file_instead, "cache/phrases"),
    ),
    "a removed key": (
        {OVERRIDES: text(OVERRIDES, "asr: {old_key: 1}\ntts: {speed: 1.1}\n")},
        {},
    ),
    "a value out of range": (
        {OVERRIDES: text(OVERRIDES, "keep_alive: banana\ntts: {speed: 1.1}\n")},
        {},
    ),
}


@pytest.fixture(scope="module")
def used(
    tmp_path_factory: pytest.TempPathFactory,
    start_servers: Callable[[Path], AbstractContextManager[Any]],
) -> Path:
    """The data directory of a server that has run."""
    folder = tmp_path_factory.mktemp("used")
    with start_servers(folder) as start:
        server = start(**SETTINGS)
        server.http("/config", "PATCH", {"tts": {"speed": 1.1}})
        server.http("/vocabulary", "PUT", {"names": ["Kitchen"], "terms": []})
        assert server.stop() == 0
        # The overrides of a successful start are kept.
        assert start(**SETTINGS, data_dir=server.data_dir).stop() == 0
        data_dir: Path = server.data_dir
    return data_dir


@pytest.mark.parametrize("case", CASES)
async def test_server_starts_and_speaks_with_damaged_files(
    case: str, used: Path, tmp_path: Path, start_server: Callable[..., Any]
) -> None:
    data_dir = tmp_path / "data"
    shutil.copytree(used, data_dir)
    set_aside, ignored = CASES[case]
    assert set_aside
    for damage in (*set_aside.values(), *ignored.values()):
        damage(data_dir)
    server = start_server(**SETTINGS, data_dir=data_dir)
    assert (await server.synthesize("All is well.")).seconds > 0.3

    events = server.http("/status?events=100")["events"]
    assert [event["type"] for event in events].count("file_set_aside") == len(set_aside)
    reasons = server.http("/health")["reasons"]
    for name in set_aside:
        path = data_dir / name
        moved = next(
            found.name
            for found in path.parent.iterdir()
            if found.name.startswith(f"{path.name}.broken-")
        )
        assert any(str(path) in reason for reason in reasons), reasons
        assert moved in server.log.read_text()
    # Everything works, with the settings that could be saved.
    assert server.http("/config")["config"]["tts"]["speed"] == 1.1
    assert server.http("/jobs") is not None
    assert server.http("/webhooks") is not None
    server.http("/config", "PATCH", {"tts": {"speed": 1.2}})
    assert server.stop() == 0
