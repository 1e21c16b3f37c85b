"""Moonshine with the model of the package moonshine-voice, and its vocabulary."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wyoming_servers.core.domain import ModelSpec, Placement, Task
from wyoming_servers.core.errors import BadRequestError, LoadFailedError
from wyoming_servers.engines.moonshine.engine import MAX_SECONDS, MoonshineEngine
from wyoming_servers.engines.moonshine.tokens import TokenTable
from wyoming_servers.models.catalog import builtin_catalog
from wyoming_servers.models.manifest import PackageFolder
from wyoming_servers.models.python_packages import package_folder

TOOLS = Path(__file__).parents[4] / ".tools" / "moonshine"


def no_progress(_phase: str, _percent: int) -> None:
    """Nobody looks at it."""


def test_vocabulary_has_tokens_of_any_length(tmp_path: Path) -> None:
    long = "\u2581" + "a" * 200
    tokens = ["<unk>", "<s>", "</s>", "\u2581Turn", "\u2581it", long]
    content = b""
    for token in tokens:
        raw = token.encode()
        size = len(raw)
        content += bytes([size]) if size < 128 else bytes([size % 128 + 128, size // 128])
        content += raw
    path = tmp_path / "tokenizer.bin"
    path.write_bytes(content)
    table = TokenTable.read(path)
    assert len(table) == 6
    assert table.text([1, 3, 4, 2]) == "Turn it"
    assert table.text([5]) == "a" * 200
    for damaged in (content[:-1], b"", b"\x03ab"):
        path.write_bytes(damaged)
        with pytest.raises(LoadFailedError, match="damaged"):
            TokenTable.read(path)


@pytest.fixture(scope="module")
def engine() -> MoonshineEngine:
    pytest.importorskip("onnxruntime")
    entry = builtin_catalog().get("moonshine/tiny.en")
    (source,) = entry.sources
    assert isinstance(source, PackageFolder)
    folder = package_folder(source) or TOOLS / source.folder
    if not folder.is_dir():
        pytest.skip("`script/setup moonshine` gets the model, on x86-64")
    files = {role: str(folder / path) for role, path in entry.roles.items()}
    engine = MoonshineEngine()
    spec = ModelSpec(entry.id, Task.ASR, "moonshine", files=files, languages=("en",))
    assert engine.load(spec, Placement(), no_progress) == {"languages": ["en"]}
    engine.warm_up()
    return engine


def run(engine: MoonshineEngine, pcm: bytes) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    session = engine.open({"language": "en", "names": ["Reolink"], "beam_size": 5})
    for start in range(0, len(pcm), 3_001):  # also cuts samples
        assert not session.feed(pcm[start : start + 3_001], {})
    outputs = []
    steps = session.finish()
    try:
        while True:
            outputs.append(dict(next(steps).data))
    except StopIteration as end:
        session.close()
        return outputs, dict(end.value)


@pytest.mark.component
def test_moonshine_transcribes_recordings_of_people(
    engine: MoonshineEngine, recorded: Callable[[str], bytes]
) -> None:
    segments, result = run(engine, recorded("goforward"))
    assert result["text"] == "Go forward ten meters."
    assert segments == [{"start": 0.0, "end": result["duration"], "text": result["text"]}]
    assert -0.5 < result["avg_logprob"] < 0.0
    _, again = run(engine, recorded("goforward"))
    assert again == result
    _, long = run(engine, recorded("librivox_0870"))
    assert "John Dashwood had then leisure to consider" in long["text"]


@pytest.mark.component
def test_moonshine_handles_the_shortest_and_refuses_too_long_audio(
    engine: MoonshineEngine,
) -> None:
    assert run(engine, b"")[1] == {"text": "", "language": "en", "duration": 0.0}
    assert isinstance(run(engine, bytes(20))[1]["text"], str)
    session = engine.open({})
    with pytest.raises(BadRequestError, match="longer than"):
        session.feed(bytes(int(MAX_SECONDS + 1) * 32_000), {})
