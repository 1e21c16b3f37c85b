"""One Piper voice for several texts at once: how many threads a text gets, and which network."""

import logging
import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from wyoming_servers.audio.pcm import Samples
from wyoming_servers.domain import Placement
from wyoming_servers.engines.onnx_session import open_session, thread_count
from wyoming_servers.engines.piper_graph import for_one_thread

if TYPE_CHECKING:
    from piper import PiperVoice, SynthesisConfig
    from piper.config import PiperConfig

_LOGGER: Final = logging.getLogger(__name__)

MAX_PHONEMES: Final = 800
"""Of one inference: about a minute of speech. The network's memory grows with their square."""

CALM_SECONDS: Final = 5.0
"""So long after several texts at once, or a long one, their working memory is given back. A lone
short text's is kept: asking for it anew would take longer than it saves."""

CROWD_SECONDS: Final = 1.0
"""So long after several texts at once, one that is alone gets one thread: the others are likely to
go on in a moment, and two threads beside one on two cores are slower than either."""

LONG_SAMPLES: Final = 8 * 22_050
"""Samples of an inference whose working memory (20 MB a second) is worth giving back."""

_UNHURRIED: Final = 10
"""Niceness of work that nobody waits for; on Linux a thread has its own."""

SHORT_PHONEMES: Final = 50
"""As many as the first piece of most texts has."""


class Choir:
    """A voice with two sessions of its network.

    A lone text gets all threads. Texts that are spoken at the same time get one thread each, which
    costs a fifth less CPU; their session is opened when that happens first, since most houses
    never need it. A text that is alone only for a moment among others gets one thread, too.
    All calls may come from any thread.
    """

    def __init__(
        self, config: "PiperConfig", model: str, options: Mapping[str, Any], placement: Placement
    ) -> None:
        """Open the network. Raises what onnxruntime raises."""
        from piper import PiperVoice

        self._model = model
        self._options = options
        self._placement = placement
        # PiperVoice.load takes no session options, so the voice is put together here.
        alone = open_session(model, options, placement, spinning=True)
        self.voice = PiperVoice(config=config, session=alone)
        """What speaks a lone text."""
        self._one_of_many: PiperVoice | None = None
        self.lanes = _lanes(options, placement)
        """Most texts at once."""
        self._lock = threading.Lock()
        self._speaking = 0
        """Inferences that run now."""
        self._crowded_until = 0.0
        """When a text that is spoken alone may have all threads again."""
        self._asked = False
        """Whether the second session was asked for."""
        self._letters = threading.Lock()
        self._grown = False
        """Whether there is more working memory than a lone text needs."""
        self._short: list[str] = []
        """The last short text, or first piece of one."""
        self._calm: threading.Timer | None = None
        """Gives it back."""

    def blocks(self, text: str) -> list[Sequence[str]]:
        """Return the phonemes of each sentence; of a very long one, in parts cut at spaces."""
        # espeak keeps the voice it was told to use in a global variable.
        with self._letters:
            sentences = self.voice.phonemize(text)
        return [part for sentence in sentences for part in _parts(sentence)]

    def speak(self, phonemes: Sequence[str], settings: "SynthesisConfig") -> Samples:
        """One inference: phonemes to samples, as loud as the network made them."""
        with self._turn() as voice:
            audio = voice.phoneme_ids_to_audio(voice.phonemes_to_ids(list(phonemes)), settings)
            samples = np.atleast_1d(np.asarray(audio, np.float32))
            self._grown = self._grown or len(samples) > LONG_SAMPLES
        if len(phonemes) <= SHORT_PHONEMES:
            self._short = list(phonemes)
        return samples

    def close(self) -> None:
        """Plan nothing more."""
        if self._calm is not None:
            self._calm.cancel()

    @contextmanager
    def _turn(self) -> "Iterator[PiperVoice]":
        """Choose the session by how many speak, or did a moment ago, this text included."""
        with self._lock:
            self._speaking += 1
            now = time.monotonic()
            if self._speaking > 1:
                self._crowded_until = now + CROWD_SECONDS
            alone = now >= self._crowded_until
            open_it = not alone and not self._asked
            self._asked = self._asked or open_it
            self._grown = self._grown or not alone
        if open_it:
            threading.Thread(target=self._open_one_of_many, name="open", daemon=True).start()
        try:
            yield self.voice if alone or self._one_of_many is None else self._one_of_many
        finally:
            with self._lock:
                self._speaking -= 1
                if not self._speaking and self._grown and self._placement.device == "cpu":
                    self._plan()

    def _plan(self) -> None:
        """See to it that working memory is given back when it has been calm for a while.

        The lock is held.
        """
        if self._calm is not None:
            self._calm.cancel()
        self._calm = threading.Timer(CALM_SECONDS, self._give_back)
        self._calm.daemon = True
        self._calm.start()

    def _give_back(self) -> None:
        from piper import PiperVoice

        with self._lock:
            if self._speaking or not self._grown:
                return
            self._grown = False
        voice = PiperVoice(config=self.voice.config, session=_Frugal(self.voice.session))
        voice.phoneme_ids_to_audio(voice.phonemes_to_ids(["."]))
        # The next text begins with a short piece, which should find the memory that it needs.
        if self._short:
            self.voice.phoneme_ids_to_audio(self.voice.phonemes_to_ids(self._short))

    def _open_one_of_many(self) -> None:
        from piper import PiperVoice

        # It takes a second of work, while several texts are waited for. Elsewhere than on Linux the
        # number would be that of some process.
        if sys.platform == "linux":
            with suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _UNHURRIED)
        try:
            session = open_session(
                for_one_thread(Path(self._model).read_bytes()),
                self._options,
                self._placement,
                threads=1,
            )
        except Exception:
            # The lone text's session serves all of them, only slower.
            _LOGGER.exception("No second session for several texts at once")
        else:
            self._one_of_many = PiperVoice(config=self.voice.config, session=session)


class _Frugal:
    """A session after whose runs the process gives back all working memory that is not in use."""

    def __init__(self, session: Any) -> None:
        self._session = session

    def run(self, names: Any, given: Any) -> Any:
        from onnxruntime import RunOptions

        options = RunOptions()
        options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
        return self._session.run(names, given, options)


def _lanes(options: Mapping[str, Any], placement: Placement) -> int:
    """How many texts at once: one for each thread, and one more for a text that is urgent."""
    if placement.device != "cpu":
        return 1
    threads = min(thread_count(options), os.cpu_count() or 1)
    return int(options.get("lanes") or (threads + 1 if threads > 1 else 1))


def _parts(sentence: Sequence[str]) -> Iterator[Sequence[str]]:
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
