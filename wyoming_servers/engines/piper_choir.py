"""One Piper voice for several texts at once: how many threads each of them gets."""

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from wyoming_servers.audio.pcm import Samples
from wyoming_servers.domain import Placement
from wyoming_servers.engines.onnx_session import thread_count
from wyoming_servers.engines.piper_network import open_network
from wyoming_servers.engines.piper_stream import Submit

if TYPE_CHECKING:
    from piper import SynthesisConfig
    from piper.config import PiperConfig

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
            yield from self._network.synthesize(self._network_inputs(phonemes, settings), self._idle_helpers)
        finally:
            with self._lock:
                self._active_texts -= 1

    def close(self) -> None:
        """Begin nothing more."""
        if self._helpers is not None:
            self._helpers.shutdown(wait=False, cancel_futures=True)

    def _network_inputs(self, phonemes: Sequence[str], settings: "SynthesisConfig") -> dict[str, Any]:
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
