"""Generated documents: the example file and the configuration reference."""

import re
from collections.abc import Callable
from pathlib import Path

from wyoming_servers.config.key_tree import WILDCARD, key_tree
from wyoming_servers.config.load import load_config
from wyoming_servers.config.reference import configuration_document, example_file
from wyoming_servers.config.schema import (
    AsrSection,
    Config,
    ModelSection,
    WakeSection,
    WakeWordSection,
)

ROOT = Path(__file__).parents[3]
Write = Callable[[str], Path]


def test_committed_example_file_is_current() -> None:
    assert (ROOT / "example-config.yaml").read_text("utf-8") == example_file()


def test_example_file_changes_nothing(write: Write) -> None:
    assert set(load_config(write(example_file())).sources.values()) == {"default"}


def test_example_file_without_comments_has_the_defaults(write: Write, home: Path) -> None:
    loaded = load_config(write(re.sub(r"(?m)^(\s*)#(?=\S)", r"\1", example_file())))
    models = {"whisper/base": ModelSection(options={"cpu_threads": 4})}
    folder = home / ".local/share/wyoming-conductor"
    words = WakeSection(word_settings={"hey_jarvis": WakeWordSection()})
    asr = AsrSection(extra_ports={"whisper/tiny.en": 10_301})
    assert loaded.config == Config(asr=asr, models=models, wake=words, data_dir=folder)
    assert set(loaded.sources.values()) == {"file"}


def test_example_file_describes_every_key() -> None:
    text = example_file()
    for path, key in key_tree().walk():
        assert key.description, path
        if path[-1] != WILDCARD:
            assert f"#{path[-1]}:" in text


def test_configuration_document_has_a_row_for_every_key() -> None:
    rows = [line for line in configuration_document().splitlines() if line.startswith("| `")]
    assert len(rows) == len(list(key_tree().walk()))
    for row, start in [
        ("asr.end_silence", "duration (s), 0.1 to 5 | `0.7` | live"),
        ("log.level", "`debug` or `info` or `warning` or `error` | `info` | live"),
        ("wake.threshold", "number, 0 &lt; x &lt; 1 | `0.5` | live"),
    ]:
        assert [line for line in rows if line.startswith(f"| `{row}` | {start} | ")]
    assert "| `MODELS__<MODEL_ID>__OPTIONS__<NAME>` |" in configuration_document()
    assert "| `WAKE_WORD_SETTINGS__<WAKE_WORD>__ENGINE` |" in configuration_document()
