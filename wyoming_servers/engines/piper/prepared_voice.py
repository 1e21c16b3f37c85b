"""The three graphs of a split voice: made and checked once, then opened by each worker.

`prepare_voice` splits a voice, compares its audio with the audio of the whole voice, and writes the
graphs into the model's cache folder, where `find_split_voice` finds them.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from wyoming_servers.audio.pcm import Samples
from wyoming_servers.core.domain import Placement
from wyoming_servers.engines.onnx_session import open_session
from wyoming_servers.engines.piper.streaming import (
    ChunkedSynthesis,
    ChunkPlan,
    ChunkRunner,
    ChunkShape,
    ThroughputEstimate,
    TrimPoint,
)
from wyoming_servers.engines.preparation import (
    CACHE_DIR,
    PreparedFiles,
    discard_prepared,
    prepare_in_child,
    read_prepared,
    refresh_prepared,
    runtime_recipe,
    write_prepared,
)

MAX_DIFFERENCE: Final = 1e-3
"""Largest accepted difference of a sample, full scale being 1: -60 dB. Of the voices that were
measured it is 0.00005; one step of 16-bit audio is 0.00003."""

_RECIPE: Final = "piper split 1"
"""Changes with the code that splits voices."""

_NAME: Final = "voice"

_PROBE_PHONEMES: Final = 48
_PROBE_CHUNK: Final = 40
"""Phonemes of the text that is compared, and frames of its chunks: a few seconds, ten chunks."""

_LOGGER: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SplitVoice:
    """The graphs of a split voice, as paths or as the content of files."""

    text: str | bytes
    text_outputs: tuple[str, ...]
    frames: str | bytes
    frames_shape: ChunkShape
    samples: str | bytes
    samples_shape: ChunkShape

    @classmethod
    def of_prepared(cls, prepared: PreparedFiles) -> "SplitVoice":
        """Return a prepared voice."""
        paths, facts = prepared.files, prepared.facts
        return cls(
            text=str(paths["text"]),
            text_outputs=tuple(facts["text_outputs"]),
            frames=str(paths["frames"]),
            frames_shape=_shape(facts["frames"]),
            samples=str(paths["samples"]),
            samples_shape=_shape(facts["samples"]),
        )


def find_split_voice(files: Mapping[str, str]) -> SplitVoice | None:
    """Return the graphs of a voice, by its files by role; None if it can only be used whole.

    A voice that was never prepared is prepared now, by a process that is waited for. If that
    fails, the voice is split in memory.
    """
    if CACHE_DIR in files:
        prepared = _read(files)
        if prepared is None:
            prepare_in_child("piper", files)
            prepared = _read(files)
        if prepared is not None and prepared.rejected:
            return None
        if prepared is not None:
            return SplitVoice.of_prepared(prepared)
    return split_voice(files["model"])


def discard_split_voice(files: Mapping[str, str]) -> None:
    """Delete the record of prepared graphs that cannot be opened; the next load prepares them."""
    if CACHE_DIR in files:
        discard_prepared(Path(files[CACHE_DIR]), _NAME)


def split_voice(model: str) -> SplitVoice | None:
    """Split a voice in memory; None if it is of another structure or not an ONNX file."""
    # Imported here: a worker with prepared graphs does not need the code.
    from wyoming_servers.engines.onnx_tools.model import read_model
    from wyoming_servers.engines.piper.graph_split import optimize_for_single_thread, split_model

    try:
        split = split_model(read_model(Path(model).read_bytes()))
    except ValueError:
        return None  # onnxruntime has the better error message
    if split is None:
        return None
    # The graphs of frames and samples run in one thread: chunks are computed in parallel instead.
    return SplitVoice(
        text=split.text.encode(),
        text_outputs=tuple(split.text.outputs),
        frames=optimize_for_single_thread(split.frames.model).encode(),
        frames_shape=split.frames.shape,
        samples=optimize_for_single_thread(split.samples.model).encode(),
        samples_shape=split.samples.shape,
    )


def prepare_voice(files: Mapping[str, str]) -> None:
    """Split a voice, compare it with the whole, and write the graphs. Raises OSError.

    If it cannot be split, or the audio differs, the reason is noted instead.
    """
    folder, sources = Path(files[CACHE_DIR]), _sources(files)
    if refresh_prepared(folder, _NAME, sources, _recipe()):
        return
    voice = split_voice(files["model"])
    difference = 0.0 if voice is None else _difference(files, voice)
    if voice is None or not difference <= MAX_DIFFERENCE:  # a NaN is rejected as well
        rejected = (
            "its graph has another structure"
            if voice is None
            else f"its audio would differ by {difference:g}"
        )
        write_prepared(folder, _NAME, sources, _recipe(), {}, rejected=rejected)
        _LOGGER.warning("%s is synthesized sentence by sentence: %s", files["model"], rejected)
        return
    contents = {
        role: graph
        for role in ("text", "frames", "samples")
        if isinstance(graph := getattr(voice, role), bytes)
    }
    facts = {
        "text_outputs": list(voice.text_outputs),
        "frames": asdict(voice.frames_shape),
        "samples": asdict(voice.samples_shape),
        "max_difference": difference,
    }
    write_prepared(folder, _NAME, sources, _recipe(), contents, facts)
    _LOGGER.info("Split %s; samples differ by at most %g", files["model"], difference)


def _difference(files: Mapping[str, str], voice: SplitVoice) -> float:
    """Return the largest difference of a sample between the split and the whole voice."""
    inputs = _probe(files)

    def session(graph: str | bytes) -> Any:
        return open_session(graph, {}, Placement(), threads=1)

    # One after the other, so that two copies of the weights are not in memory at the same time.
    whole = session(files["model"]).run(None, inputs)[0].reshape(-1)
    names = list(voice.text_outputs)
    values = dict(zip(names, session(voice.text).run(names, inputs), strict=True))
    parts = _synthesize(voice, values, session)
    if len(parts) != len(whole):
        return float("inf")
    return float(np.abs(parts - whole).max())


def _synthesize(voice: SplitVoice, values: Mapping[str, Any], session: Any) -> Samples:
    frames = values[voice.frames_shape.input_name].shape[2]
    chunks = tuple(
        range(start, min(start + _PROBE_CHUNK, frames)) for start in range(0, frames, _PROBE_CHUNK)
    )
    synthesis = ChunkedSynthesis(
        ChunkRunner(voice.frames_shape, session(voice.frames)),
        ChunkRunner(voice.samples_shape, session(voice.samples)),
        values,
        ChunkPlan(chunks, chunks),
        ThroughputEstimate(),
        lambda: None,
    )
    return np.concatenate(list(synthesis))


def _probe(files: Mapping[str, str]) -> dict[str, Any]:
    """Return inputs of the whole voice: random phonemes, no noise, the first speaker."""
    config = json.loads(_config(files).read_text(encoding="utf-8"))
    ids = sorted({ids[0] for ids in config["phoneme_id_map"].values()} - {0, 1, 2})
    chosen = np.random.default_rng(1).choice(ids, _PROBE_PHONEMES)
    # Piper puts a pad (0) after each phoneme, 1 before and 2 after the sentence.
    row = [1, 0, *(number for phoneme in chosen for number in (int(phoneme), 0)), 2]
    inputs = {
        "input": np.array([row], np.int64),
        "input_lengths": np.array([len(row)], np.int64),
        "scales": np.array([0.0, 1.0, 0.0], np.float32),
    }
    if config.get("num_speakers", 1) > 1:
        inputs["sid"] = np.array([0], np.int64)
    return inputs


def _shape(facts: Mapping[str, Any]) -> ChunkShape:
    trim_points = tuple(TrimPoint(**each) for each in facts["trim_points"])
    return ChunkShape(**{**facts, "trim_points": trim_points})


def _read(files: Mapping[str, str]) -> PreparedFiles | None:
    return read_prepared(Path(files[CACHE_DIR]), _NAME, _sources(files), _recipe())


def _recipe() -> str:
    return runtime_recipe(_RECIPE)


def _sources(files: Mapping[str, str]) -> list[Path]:
    return [Path(files["model"])]


def _config(files: Mapping[str, str]) -> Path:
    return Path(files.get("config", f"{files['model']}.json"))
