"""One Piper voice for several texts at once: how many threads each of them gets."""

import logging
import math
import os
import sys
import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from wyoming_servers.audio.pcm import Samples
from wyoming_servers.core.domain import Placement
from wyoming_servers.engines.memory import release_free_memory
from wyoming_servers.engines.onnx_session import open_session, thread_count
from wyoming_servers.engines.onnx_tools.model import read_model
from wyoming_servers.engines.piper.graph_split import (
    ChunkableGraph,
    SplitModel,
    optimize_for_single_thread,
    split_model,
)
from wyoming_servers.engines.piper.streaming import (
    ChunkedSynthesis,
    ChunkGeometry,
    ChunkRunner,
    Submit,
    ThroughputEstimate,
    plan_chunks,
)

if TYPE_CHECKING:
    from piper import SynthesisConfig
    from piper.config import PiperConfig

# A voice's network in sessions of onnxruntime: cut into parts where that is possible, or whole.

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
        yield from ChunkedSynthesis(
            self._frames, self._samples, values, way, self._throughput, help_
        )

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


MAX_PHONEMES: Final = 800
"""Of one inference: about a minute of speech. The network's memory grows with their square."""


class ParallelVoice:
    """A voice that speaks several texts at once, stretch by stretch.

    A lone text gets all threads; texts that are spoken at the same time get one each, which costs
    least. All calls may come from any thread.
    """

    def __init__(
        self, config: "PiperConfig", model: str, options: Mapping[str, Any], placement: Placement
    ) -> None:
        """Open the network. Raises what onnxruntime raises."""
        from piper import PiperVoice

        self.config = config
        threads = min(thread_count(options), os.cpu_count() or 1)
        self._network = open_network(model, options, placement, threads, config.sample_rate)
        # Only what it makes of a text is used, which needs no session.
        self._phonemizer = PiperVoice(config=config, session=None)
        self._phonemize_lock = threading.Lock()
        self.streams_audio = self._network.streams_audio
        """Whether the sound of a sentence comes in short stretches."""
        self.parallel_runs = threads if self.streams_audio else 1
        """Most texts at once."""
        self._helpers = (
            ThreadPoolExecutor(threads - 1, thread_name_prefix="helper") if threads > 1 else None
        )
        self._lock = threading.Lock()
        self._active_texts = 0
        """How many have begun and not ended, be a stretch of them being made or not."""

    def phonemize(self, text: str) -> list[Sequence[str]]:
        """Return the phonemes of each sentence; of a very long one, in parts cut at spaces."""
        # espeak keeps the voice it was told to use in a global variable.
        with self._phonemize_lock:
            sentences = self._phonemizer.phonemize(text)
        return [part for sentence in sentences for part in _voice_parts(sentence)]

    def synthesize(self, phonemes: Sequence[str], settings: "SynthesisConfig") -> Iterator[Samples]:
        """Yield the sound of phonemes, as loud as the network makes it."""
        with self._lock:
            self._active_texts += 1
        try:
            yield from self._network.synthesize(
                self._network_inputs(phonemes, settings), self._idle_helpers
            )
        finally:
            with self._lock:
                self._active_texts -= 1

    def close(self) -> None:
        """Begin nothing more."""
        if self._helpers is not None:
            self._helpers.shutdown(wait=False, cancel_futures=True)

    def _network_inputs(
        self, phonemes: Sequence[str], settings: "SynthesisConfig"
    ) -> dict[str, Any]:
        """Return what the network is given, as piper names it."""
        config = self.config
        ids = np.array([self._phonemizer.phonemes_to_ids(list(phonemes))], np.int64)
        scales = [
            own if wanted is None else wanted
            for wanted, own in (
                (settings.noise_scale, config.noise_scale),
                (settings.length_scale, config.length_scale),
                (settings.noise_w_scale, config.noise_w_scale),
            )
        ]
        given = {
            "input": ids,
            "input_lengths": np.array([ids.shape[1]], np.int64),
            "scales": np.array(scales, np.float32),
        }
        if config.num_speakers > 1:
            speaker = settings.speaker_id
            wanted = config.default_speaker_id if speaker is None else speaker
            given["sid"] = np.array([wanted], np.int64)
        return given

    def _idle_helpers(self) -> Submit | None:
        """Return what has other threads work for a text, if it is alone."""
        with self._lock:
            alone = self._active_texts == 1
        return self._helpers.submit if alone and self._helpers is not None else None


def _voice_parts(sentence: Sequence[str]) -> Iterator[Sequence[str]]:
    start = 0
    while len(sentence) - start > MAX_PHONEMES:
        spaces = [
            index for index in range(start + 1, start + MAX_PHONEMES) if sentence[index] == " "
        ]
        cut = spaces[-1] if spaces else start + MAX_PHONEMES
        yield sentence[start:cut]
        start = cut
    if len(sentence) > start:
        yield sentence[start:]
