"""A voice's network in sessions of onnxruntime: cut into parts where that is possible, or whole."""

import logging
import math
import os
import sys
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np

from wyoming_servers.audio.pcm import Samples
from wyoming_servers.domain import Placement
from wyoming_servers.engines.memory import release_free_memory
from wyoming_servers.engines.onnx_file import read_model
from wyoming_servers.engines.onnx_session import open_session
from wyoming_servers.engines.piper_graph import optimize_for_single_thread
from wyoming_servers.engines.piper_parts import SplitModel, ChunkableGraph, split_model
from wyoming_servers.engines.piper_plan import ChunkGeometry, ThroughputEstimate, plan_chunks
from wyoming_servers.engines.piper_stream import Submit, ChunkedSynthesis
from wyoming_servers.engines.piper_stretch import ChunkRunner

_LOGGER: Final = logging.getLogger(__name__)

_BACKGROUND_NICENESS: Final = 10
"""Niceness of work that nobody waits for; on Linux a thread has its own."""


class VoiceNetwork(Protocol):
    """What makes sound of phonemes."""

    streams_audio: bool
    """Whether the sound of a text comes in short stretches."""

    def synthesize(
        self, given: Mapping[str, Any], help_: Callable[[], Submit | None]
    ) -> Generator[Samples, None, None]:
        """Yield the sound of what the network is given, by this thread and those that help."""
        ...


def open_network(
    model: str, options: Mapping[str, Any], placement: Placement, threads: int, rate: int
) -> VoiceNetwork:
    """Open a voice's network, of `rate` samples a second. Raises what onnxruntime raises."""
    # Elsewhere than on a CPU a sentence takes hardly longer than a part of it.
    if placement.device == "cpu":
        parts = _split_file(model)
        if parts is not None:
            open_ = partial(open_session, options=options, placement=placement)
            return SplitNetwork(model, parts, open_, threads, rate)
    return WholeNetwork(model, options, placement)


def _split_file(model: str) -> SplitModel | None:
    """Cut a network, if it can be; its parts point into the file, which they keep in memory."""
    # What is no ONNX file, onnxruntime explains better.
    with suppress(ValueError):
        return split_model(read_model(Path(model).read_bytes()))
    return None


class WholeNetwork:
    """A network that is built in another way than expected, or runs on a GPU."""

    streams_audio = False

    def __init__(self, model: str, options: Mapping[str, Any], placement: Placement) -> None:
        """Open it."""
        self._session = open_session(model, options, placement, spinning=True)

    def synthesize(
        self, given: Mapping[str, Any], help_: Callable[[], Submit | None]
    ) -> Generator[Samples, None, None]:
        """Yield all sound at once."""
        found = self._session.run(None, given)[0]
        yield np.atleast_1d(np.asarray(found, np.float32).squeeze())


class SplitNetwork:
    """A network in three parts.

    The part that reads the text has two sessions: one with all threads, for a text that is alone,
    and one with a single thread, which costs a fifth less CPU. The latter is opened when it is
    wanted first, since most houses never need it. The other parts have one thread: stretches of
    sound are made side by side instead.
    """

    streams_audio = True

    def __init__(
        self,
        model: str,
        parts: SplitModel,
        open_: Callable[..., Any],
        threads: int,
        rate: int,
    ) -> None:
        """Open the parts of the network in file `model` with `open_`, as `open_session` does.

        Its sound has `rate` samples a second.
        """
        self._model = model
        self._open_session = open_
        self._threads = threads
        self._names = list(parts.text.outputs)
        self._parallel_session = self._open_text_session(threads, parts)
        self._single_session: Any = None
        self._single_requested = threads == 1
        """Whether the session with one thread was asked for, or is not needed."""
        self._frames = self._open_runner(parts.frames)
        self._samples = self._open_runner(parts.samples)
        factor = parts.frames.upsampling
        self._geometry = ChunkGeometry(
            frame_seconds=factor * parts.samples.upsampling / rate,
            samples_context=math.ceil(parts.samples.context / factor),
            features_context=parts.frames.context,
        )
        self._throughput = ThroughputEstimate()

    def synthesize(
        self, given: Mapping[str, Any], help_: Callable[[], Submit | None]
    ) -> Generator[Samples, None, None]:
        """Yield the sound in stretches."""
        alone = help_() is not None
        session = self._parallel_session if alone else self._session_for_one_thread()
        values = dict(zip(self._names, session.run(self._names, given), strict=True))
        frames = values[self._frames.input_name].shape[2]
        way = plan_chunks(frames, self._geometry, self._threads if alone else 1, self._throughput)
        yield from ChunkedSynthesis(self._frames, self._samples, values, way, self._throughput, help_)

    def _open_runner(self, stretch: ChunkableGraph) -> ChunkRunner:
        network = optimize_for_single_thread(stretch.model).encode()
        return ChunkRunner(stretch, self._open_session(network, threads=1))

    def _open_text_session(self, threads: int, parts: SplitModel) -> Any:
        network = parts.text.encode()
        return self._open_session(network, threads=threads, spinning=threads > 1)

    def _session_for_one_thread(self) -> Any:
        """Return the session with one thread; the other one until it is open."""
        if not self._single_requested:
            self._single_requested = True
            threading.Thread(target=self._open_single_session, name="open", daemon=True).start()
        return self._single_session or self._parallel_session

    def _open_single_session(self) -> None:
        # It takes a while, in which several texts are waited for. Elsewhere than on Linux the
        # number would be that of some process.
        if sys.platform == "linux":
            with suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _BACKGROUND_NICENESS)
        try:
            parts = _split_file(self._model)
            if parts is not None:
                self._single_session = self._open_text_session(1, parts)
        except Exception:
            # The session with all threads serves all of them, only slower.
            _LOGGER.exception("No second session for several texts at once")
        parts = None
        release_free_memory()
