"""Files: configuration, WAV, ONNX and TensorFlow Lite models."""

import tempfile
from pathlib import Path
from typing import Final

from wyoming_servers.audio import wav
from wyoming_servers.config.errors import ConfigError
from wyoming_servers.config.load import load_config
from wyoming_servers.core.errors import BadRequestError
from wyoming_servers.engines.onnx_tools.model import read_model
from wyoming_servers.engines.onnx_tools.tflite import TfliteError, read_tflite

_FOLDER: Final = tempfile.TemporaryDirectory(prefix="fuzz-")
_EMPTY_CONFIG: Final = Path(_FOLDER.name) / "config.yaml"
_EMPTY_CONFIG.write_text("")


def config(data: bytes) -> None:
    """Overrides are loaded, or every problem is a sentence with the key."""
    text = data.decode("utf-8", "replace")
    for options in ({"overrides": text}, {"sets": text.split("\n")[:4], "overrides": ""}):
        try:
            loaded = load_config(_EMPTY_CONFIG, **options)
        except ConfigError as err:
            assert err.problems
            assert all(problem.message for problem in err.problems)
            assert len(str(err)) < 1_000 * (len(text) + 100)
        else:
            assert loaded.config.data_dir.is_absolute()


def wav_file(data: bytes) -> None:
    """A file is audio of at most its own size, or is refused; it can be written and read again."""
    try:
        recording = wav.parse(data)
    except BadRequestError:
        return
    assert len(recording.pcm) <= len(data)
    assert len(recording.pcm) % recording.format.frame_bytes == 0
    assert wav.parse(recording.render()) == recording
    if len(recording.pcm) < 4_096:
        recording.speech()


def onnx(data: bytes) -> None:
    """A model is read or refused; what was read can be written and read again."""
    try:
        model = read_model(data)
    except ValueError:
        return
    again = read_model(model.encode())
    assert [node.operator for node in again.nodes] == [node.operator for node in model.nodes]
    assert again.initializers.keys() == model.initializers.keys()


def tflite(data: bytes) -> None:
    """A file is read or refused."""
    path = Path(_FOLDER.name) / "model.tflite"
    path.write_bytes(data)
    try:
        graphs = read_tflite(path)
    except TfliteError:
        return
    for graph in graphs:
        assert all(operator.kind for operator in graph.operators)
