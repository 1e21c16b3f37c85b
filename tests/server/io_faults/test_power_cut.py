"""Files after a power cut at any moment: the old content or the new one, never neither.

The calls of each operation are recorded. After each of them the power is cut: what was not synced
is lost, in every combination that a journaling file system allows. Content that was not synced is
gone while the new name may be there, and the changes of names survive up to any point after the
last sync of the folder.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from io_shim import IoShim

from wyoming_servers.config.editor import write_overrides
from wyoming_servers.core.files import atomic_write, publish_file, read_or_create_secret
from wyoming_servers.models.download import _write_and_close
from wyoming_servers.models.layout import Receipt, write_receipt
from wyoming_servers.text.lexicon import Lexicon
from wyoming_servers.text.vocabulary import Vocabulary


def _lexicon(folder: Path, word: str) -> None:
    asyncio.run(Lexicon(folder / "x").put("en", word, "sound"))


def _vocabulary(folder: Path, word: str) -> None:
    asyncio.run(Vocabulary(folder / "x").put([word], []))


def _download(folder: Path, word: str) -> None:
    part = folder / "x.part"
    _write_and_close(part.open("wb"), word.encode())
    publish_file(part, folder / "x")


def _upload(folder: Path, word: str) -> None:
    part = folder / "x.part"
    part.write_bytes(word.encode())
    publish_file(part, folder / "x")


def _secret(folder: Path, word: str) -> None:
    with suppress(FileNotFoundError):
        (folder / "x").unlink()
    read_or_create_secret(folder / "x", word)


def _overrides(folder: Path, word: str) -> None:
    write_overrides(folder, {"discovery": {"name": word}})


def _receipt(folder: Path, word: str) -> None:
    write_receipt(folder / "x", Receipt(word, "1", str(folder), "download", {}))


OPERATIONS: dict[str, tuple[Callable[[Path, str], None], str]] = {
    "atomic_write": (lambda folder, word: atomic_write(folder / "x", word), "x"),
    "lexicon": (_lexicon, "x"),
    "vocabulary": (_vocabulary, "x"),
    "download": (_download, "x"),
    "upload": (_upload, "x"),
    "settings": (_overrides, "config-overrides.yaml"),
    "receipt": (_receipt, "x"),
}


class Disk:
    """What survives a power cut."""

    def __init__(self, names: dict[str, int], content: dict[int, bytes]) -> None:
        self.volatile, self.content, self.synced = dict(names), dict(content), dict(content)
        self.names = [dict(names)]
        """The names after each change since the last sync of the folder."""

    def apply(self, event: tuple[object, ...]) -> None:
        call, path = str(event[0]), str(event[1])
        if call == "create" and path not in self.volatile:
            self._rename(path, max([0, *self.content]) + 1)
        elif call == "create":
            self.content[self.volatile[path]] = b""
        elif call == "write":
            assert isinstance(event[2], bytes)
            number = self.volatile[path]
            self.content[number] = self.content.get(number, b"") + event[2]
        elif call == "fsync" and path in self.volatile:
            self.synced[self.volatile[path]] = self.content.get(self.volatile[path], b"")
        elif call == "fsync":
            self.names = self.names[-1:]
        elif call in ("replace", "rename", "link"):
            self._rename(str(event[2]), self.volatile[path])
            if call != "link":
                self._rename(path, None)
        elif call == "unlink":
            self._rename(path, None)

    def _rename(self, path: str, number: int | None) -> None:
        self.volatile.pop(path, None)
        if number is not None:
            self.volatile[path] = number
        self.names.append(dict(self.volatile))

    def after_power_cut(self, path: str) -> set[bytes | None]:
        """Every content that the file may have; None if it does not exist."""
        return {
            self.synced.get(names[path], b"") if path in names else None for names in self.names
        }


def _states(
    shim: IoShim, folder: Path, operation: Callable[[Path, str], None], name: str
) -> tuple[list[set[bytes | None]], bytes | None, bytes]:
    """Run the operation twice; return the contents after each call, the old and the new one."""
    path = folder / name
    old = path.read_bytes() if path.exists() else None
    disk = Disk({} if old is None else {str(path): 1}, {} if old is None else {1: old})
    shim.folder, shim.trace = folder, []
    operation(folder, "new")
    trace, shim.trace = shim.trace, None
    states = []
    for event in trace:
        disk.apply(event)
        states.append(disk.after_power_cut(str(path)))
    return states, old, path.read_bytes()


@pytest.mark.parametrize("exists", [True, False])
@pytest.mark.parametrize("name", OPERATIONS)
def test_file_is_old_or_new_after_a_power_cut(
    name: str, exists: bool, shim: IoShim, tmp_path: Path
) -> None:
    operation, file = OPERATIONS[name]
    if exists:
        operation(tmp_path, "old")
    states, old, new = _states(shim, tmp_path, operation, file)
    assert len(states) >= 4
    assert old != new
    for number, state in enumerate(states):
        assert state <= {old, new}, f"after call {number}"
    assert states[-1] == {new}


def test_secret_that_was_given_out_survives_a_power_cut(shim: IoShim, tmp_path: Path) -> None:
    states, _, new = _states(shim, tmp_path, _secret, "x")
    assert all(state <= {None, new} for state in states)
    assert states[-1] == {new}


def test_simulation_finds_a_file_that_is_not_synced(shim: IoShim, tmp_path: Path) -> None:
    def careless(folder: Path, word: str) -> None:
        atomic_write(folder / "x", word, durable=False)

    careless(tmp_path, "old")
    states, _, _ = _states(shim, tmp_path, careless, "x")
    assert b"" in states[-1]
