"""Reading graphs from .tflite files, valid and damaged."""

import random
from importlib.resources import files
from pathlib import Path

import pytest

from wyoming_servers.engines.onnx_tools.tflite import (
    FLOAT,
    TfliteError,
    read_tflite,
)

pytestmark = pytest.mark.component

MODELS = Path(str(files("pyopen_wakeword"))) / "models"


def test_classifier_is_read_with_shapes_operators_and_weights() -> None:
    (network,) = read_tflite(MODELS / "alexa.tflite")
    (embeddings,), (score,) = network.inputs, network.outputs
    assert network.tensors[embeddings].shape == (1, 16, 96)
    assert network.tensors[embeddings].type == FLOAT
    assert network.tensors[score].shape == (1, 1)
    dense = "FULLY_CONNECTED"
    assert [o.kind for o in network.operators] == ["RESHAPE", dense, dense, dense, "LOGISTIC"]
    assert network.constant(network.operators[1].inputs[1]).shape == (128, 1536)
    assert network.operators[1].option(0, "b") == 1  # RELU
    with pytest.raises(TfliteError, match="is computed"):
        network.constant(embeddings)


def test_branches_are_read_as_graphs() -> None:
    main, *branches = read_tflite(MODELS / "hey_jarvis.tflite")
    assert main.operators[-1].kind == "IF"
    assert len(branches) == 2


def test_file_of_another_format_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "song.tflite"
    path.write_bytes(b"ID3" + bytes(100))
    with pytest.raises(TfliteError, match="not a TensorFlow Lite file"):
        read_tflite(path)


def test_truncated_file_is_rejected(tmp_path: Path) -> None:
    whole = (MODELS / "okay_nabu.tflite").read_bytes()
    path = tmp_path / "okay_nabu.tflite"
    for size in (8, 40, 1000, len(whole) // 2):
        path.write_bytes(whole[:size])
        with pytest.raises(TfliteError, match="damaged"):
            read_tflite(path)


def test_damaged_file_is_rejected_or_read(tmp_path: Path) -> None:
    whole = (MODELS / "okay_nabu.tflite").read_bytes()
    path = tmp_path / "okay_nabu.tflite"
    rng = random.Random(5)  # noqa: S311
    rejected = 0
    for _ in range(150):
        damaged = bytearray(whole)
        for _ in range(20):
            # Tables lie at the end, weights before them.
            damaged[-rng.randrange(1, 6000)] = rng.randrange(256)
        path.write_bytes(damaged)
        try:
            read_tflite(path)
        except TfliteError:
            rejected += 1
    assert rejected > 0


def test_file_whose_parts_overlap_is_rejected() -> None:
    # 1,500 graphs that are one and the same, with as many tensors, in 12 kB.
    path = Path(__file__).parents[3] / "fuzz" / "corpus" / "tflite" / "overlapping"
    with pytest.raises(TfliteError, match="overlap"):
        read_tflite(path)
