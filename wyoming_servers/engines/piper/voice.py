"""One Piper voice for several requests: its onnxruntime sessions and its threads."""

import logging
import math
import os
import sys
import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

from wyoming_servers.audio.pcm import Samples
from wyoming_servers.core.domain import Placement
from wyoming_servers.engines.base import release_free_memory
from wyoming_servers.engines.onnx_session import open_session, thread_count
from wyoming_servers.engines.piper.prepared_voice import (
    SplitVoice,
    discard_split_voice,
    find_split_voice,
    split_voice,
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

_LOGGER: Final = logging.getLogger(__name__)

MAX_PHONEMES: Final = 800
"""Of one inference: about a minute of speech. Memory grows with the square of their number."""

_BACKGROUND_NICENESS: Final = 10
"""Niceness of a thread whose work is not urgent; on Linux each thread has its own."""


class ParallelVoice:
    """A voice that synthesizes several texts at once, chunk by chunk. Thread-safe.

    A single text gets all threads. Texts that are synthesized at the same time get one thread each,
    which takes the least CPU time.
    """

    def __init__(
        self,
        config: "PiperConfig",
        files: Mapping[str, str],
        options: Mapping[str, Any],
        placement: Placement,
    ) -> None:
        """Open the voice, given its files by role. Raises what onnxruntime raises."""
        from piper import PiperVoice

        self.config = config
        threads = min(thread_count(options), os.cpu_count() or 1)
        self._network = open_network(files, options, placement, threads, config.sample_rate)
        # Only its phonemizer is used, which needs no session.
        self._phonemizer = PiperVoice(config=config, session=None)
        self._phonemize_lock = threading.Lock()
        self.streams_audio = self._network.streams_audio
        """Whether audio is available before a sentence is finished."""
        self.parallel_runs = threads if self.streams_audio else 1
        """Maximum number of texts at once."""
        self._helpers = (
            ThreadPoolExecutor(threads - 1, thread_name_prefix="helper") if threads > 1 else None
        )
        self._lock = threading.Lock()
        self._active_texts = 0
        """Texts that have begun and not ended, whether a chunk of them is being computed or not."""

    def phonemize(self, text: str) -> list[Sequence[str]]:
        """Return the phonemes of each sentence; a very long sentence is split at spaces."""
        # espeak-ng keeps the selected voice in a global variable.
        with self._phonemize_lock:
            sentences = self._phonemizer.phonemize(text)
        return [part for sentence in sentences for part in _split_long_sentence(sentence)]

    def synthesize(self, phonemes: Sequence[str], settings: "SynthesisConfig") -> Iterator[Samples]:
        """Yield the audio of phonemes, at the network's own volume."""
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
        """Start no more work in helper threads."""
        if self._helpers is not None:
            self._helpers.shutdown(wait=False, cancel_futures=True)

    def _network_inputs(
        self, phonemes: Sequence[str], settings: "SynthesisConfig"
    ) -> dict[str, Any]:
        config = self.config
        ids = np.array([self._phonemizer.phonemes_to_ids(list(phonemes))], np.int64)
        scales = [
            default if requested is None else requested
            for requested, default in (
                (settings.noise_scale, config.noise_scale),
                (settings.length_scale, config.length_scale),
                (settings.noise_w_scale, config.noise_w_scale),
            )
        ]
        inputs = {
            "input": ids,
            "input_lengths": np.array([ids.shape[1]], np.int64),
            "scales": np.array(scales, np.float32),
        }
        if config.num_speakers > 1:
            requested = settings.speaker_id
            speaker = config.default_speaker_id if requested is None else requested
            inputs["sid"] = np.array([speaker], np.int64)
        return inputs

    def _idle_helpers(self) -> Submit | None:
        """Return `submit` of the helper threads if only one text is active."""
        with self._lock:
            alone = self._active_texts == 1
        return self._helpers.submit if alone and self._helpers is not None else None


class VoiceNetwork(Protocol):
    """Synthesizes audio from phonemes."""

    streams_audio: bool
    """Whether audio is available before a text is finished."""

    def synthesize(
        self, inputs: Mapping[str, Any], idle_helpers: Callable[[], Submit | None]
    ) -> Generator[Samples, None, None]:
        """Yield the audio for the network's inputs, computed here and by helper threads."""
        ...


def open_network(
    files: Mapping[str, str],
    options: Mapping[str, Any],
    placement: Placement,
    threads: int,
    sample_rate: int,
) -> VoiceNetwork:
    """Open a voice's network, split if possible. Raises what onnxruntime raises."""
    # On a GPU a sentence takes hardly longer than a part of it.
    if placement.device == "cpu":
        open_ = partial(open_session, options=options, placement=placement)
        voice = find_split_voice(files)
        try:
            if voice is not None:
                return SplitNetwork(voice, open_, threads, sample_rate)
        except Exception as err:
            if voice is None or isinstance(voice.text, bytes):
                raise
            _LOGGER.warning("The prepared files of %s are damaged: %s", files["model"], err)
            discard_split_voice(files)
            voice = split_voice(files["model"])
            if voice is not None:
                return SplitNetwork(voice, open_, threads, sample_rate)
    return WholeNetwork(files["model"], options, placement)


class WholeNetwork:
    """A network that runs on a GPU, or that cannot be split."""

    streams_audio = False

    def __init__(self, model: str, options: Mapping[str, Any], placement: Placement) -> None:
        self._session = open_session(model, options, placement, spinning=True)

    def synthesize(
        self, inputs: Mapping[str, Any], idle_helpers: Callable[[], Submit | None]
    ) -> Generator[Samples, None, None]:
        """Yield all audio at once."""
        audio = self._session.run(None, inputs)[0]
        yield np.atleast_1d(np.asarray(audio, np.float32).squeeze())


class SplitNetwork:
    """A network in three graphs.

    The text graph has two sessions: one with all threads, for a single text, and one with a single
    thread, which takes a fifth less CPU time. The latter is opened when it is first needed, since
    most homes never need it. The other graphs have one thread, because chunks are computed in
    parallel instead.
    """

    streams_audio = True

    def __init__(
        self, voice: SplitVoice, open_: Callable[..., Any], threads: int, sample_rate: int
    ) -> None:
        """Open the graphs with `open_`, which takes the arguments of `open_session`."""
        self._open_session = open_
        self._threads = threads
        self._text = voice.text
        self._text_outputs = list(voice.text_outputs)
        self._parallel_session = open_(voice.text, threads=threads, spinning=threads > 1)
        self._single_session: Any = None
        self._single_requested = threads == 1
        """Whether the session with one thread was requested, or is not needed."""
        self._frames = ChunkRunner(voice.frames_shape, open_(voice.frames, threads=1))
        self._samples = ChunkRunner(voice.samples_shape, open_(voice.samples, threads=1))
        factor = self._frames.upsampling
        self._geometry = ChunkGeometry(
            frame_seconds=factor * self._samples.upsampling / sample_rate,
            samples_context=math.ceil(self._samples.context / factor),
            features_context=self._frames.context,
        )
        self._throughput = ThroughputEstimate()

    def synthesize(
        self, inputs: Mapping[str, Any], idle_helpers: Callable[[], Submit | None]
    ) -> Generator[Samples, None, None]:
        """Yield the audio in chunks."""
        alone = idle_helpers() is not None
        session = self._parallel_session if alone else self._session_for_one_thread()
        outputs = session.run(self._text_outputs, inputs)
        values = dict(zip(self._text_outputs, outputs, strict=True))
        frames = values[self._frames.input_name].shape[2]
        threads = self._threads if alone else 1
        plan = plan_chunks(frames, self._geometry, threads, self._throughput)
        yield from ChunkedSynthesis(
            self._frames, self._samples, values, plan, self._throughput, idle_helpers
        )

    def _session_for_one_thread(self) -> Any:
        """Return the session with one thread, or the other one until it is open."""
        if not self._single_requested:
            self._single_requested = True
            threading.Thread(target=self._open_single_session, name="open", daemon=True).start()
        return self._single_session or self._parallel_session

    def _open_single_session(self) -> None:
        # Opening takes a while, during which several texts are synthesized. Only on Linux is the
        # native id of a thread valid here.
        if sys.platform == "linux":
            with suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _BACKGROUND_NICENESS)
        try:
            self._single_session = self._open_session(self._text, threads=1, spinning=False)
        except Exception:
            # The session with all threads serves all texts, only slower.
            _LOGGER.exception("The session for several texts at once cannot be opened")
        release_free_memory()


def _split_long_sentence(phonemes: Sequence[str]) -> Iterator[Sequence[str]]:
    start = 0
    while len(phonemes) - start > MAX_PHONEMES:
        spaces = [
            index for index in range(start + 1, start + MAX_PHONEMES) if phonemes[index] == " "
        ]
        end = spaces[-1] if spaces else start + MAX_PHONEMES
        yield phonemes[start:end]
        start = end
    if len(phonemes) > start:
        yield phonemes[start:]
