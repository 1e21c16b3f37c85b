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
from wyoming_servers.engines.memory import trim
from wyoming_servers.engines.onnx_file import read
from wyoming_servers.engines.onnx_session import open_session
from wyoming_servers.engines.piper_graph import for_one_thread
from wyoming_servers.engines.piper_parts import Parts, Stretch, split
from wyoming_servers.engines.piper_plan import Needs, Pace, plan
from wyoming_servers.engines.piper_stream import Help, Stream
from wyoming_servers.engines.piper_stretch import StretchRunner

_LOGGER: Final = logging.getLogger(__name__)

_UNHURRIED: Final = 10
"""Niceness of work that nobody waits for; on Linux a thread has its own."""


class Speaker(Protocol):
    """What makes sound of phonemes."""

    in_stretches: bool
    """Whether the sound of a text comes in short stretches."""

    def sounds(
        self, given: Mapping[str, Any], help_: Callable[[], Help | None]
    ) -> Generator[Samples, None, None]:
        """Yield the sound of what the network is given, by this thread and those that help."""
        ...


def open_speaker(
    model: str, options: Mapping[str, Any], placement: Placement, threads: int, rate: int
) -> Speaker:
    """Open a voice's network, of `rate` samples a second. Raises what onnxruntime raises."""
    # Elsewhere than on a CPU a sentence takes hardly longer than a part of it.
    if placement.device == "cpu":
        parts = _parts(model)
        if parts is not None:
            open_ = partial(open_session, options=options, placement=placement)
            return PartsSpeaker(model, parts, open_, threads, rate)
    return WholeSpeaker(model, options, placement)


def _parts(model: str) -> Parts | None:
    """Cut a network, if it can be; its parts point into the file, which they keep in memory."""
    # What is no ONNX file, onnxruntime explains better.
    with suppress(ValueError):
        return split(read(Path(model).read_bytes()))
    return None


class WholeSpeaker:
    """A network that is built in another way than expected, or runs on a GPU."""

    in_stretches = False

    def __init__(self, model: str, options: Mapping[str, Any], placement: Placement) -> None:
        """Open it."""
        self._session = open_session(model, options, placement, spinning=True)

    def sounds(
        self, given: Mapping[str, Any], help_: Callable[[], Help | None]
    ) -> Generator[Samples, None, None]:
        """Yield all sound at once."""
        found = self._session.run(None, given)[0]
        yield np.atleast_1d(np.asarray(found, np.float32).squeeze())


class PartsSpeaker:
    """A network in three parts.

    The part that reads the text has two sessions: one with all threads, for a text that is alone,
    and one with a single thread, which costs a fifth less CPU. The latter is opened when it is
    wanted first, since most houses never need it. The other parts have one thread: stretches of
    sound are made side by side instead.
    """

    in_stretches = True

    def __init__(
        self,
        model: str,
        parts: Parts,
        open_: Callable[..., Any],
        threads: int,
        rate: int,
    ) -> None:
        """Open the parts of the network in file `model` with `open_`, as `open_session` does.

        Its sound has `rate` samples a second.
        """
        self._model = model
        self._open = open_
        self._threads = threads
        self._names = list(parts.text.outputs)
        self._alone = self._read_by(threads, parts)
        self._among_others: Any = None
        self._asked = threads == 1
        """Whether the session with one thread was asked for, or is not needed."""
        self._frames = self._runner(parts.frames)
        self._samples = self._runner(parts.samples)
        factor = parts.frames.factor
        self._needs = Needs(
            seconds=factor * parts.samples.factor / rate,
            margin=math.ceil(parts.samples.margin / factor),
            around=parts.frames.margin,
        )
        self._pace = Pace()

    def sounds(
        self, given: Mapping[str, Any], help_: Callable[[], Help | None]
    ) -> Generator[Samples, None, None]:
        """Yield the sound in stretches."""
        alone = help_() is not None
        session = self._alone if alone else self._for_one()
        values = dict(zip(self._names, session.run(self._names, given), strict=True))
        frames = values[self._frames.given].shape[2]
        way = plan(frames, self._needs, self._threads if alone else 1, self._pace)
        yield from Stream(self._frames, self._samples, values, way, self._pace, help_)

    def _runner(self, stretch: Stretch) -> StretchRunner:
        network = for_one_thread(stretch.network).encoded()
        return StretchRunner(stretch, self._open(network, threads=1))

    def _read_by(self, threads: int, parts: Parts) -> Any:
        network = parts.text.encoded()
        return self._open(network, threads=threads, spinning=threads > 1)

    def _for_one(self) -> Any:
        """Return the session with one thread; the other one until it is open."""
        if not self._asked:
            self._asked = True
            threading.Thread(target=self._open_for_one, name="open", daemon=True).start()
        return self._among_others or self._alone

    def _open_for_one(self) -> None:
        # It takes a while, in which several texts are waited for. Elsewhere than on Linux the
        # number would be that of some process.
        if sys.platform == "linux":
            with suppress(OSError):
                os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _UNHURRIED)
        try:
            parts = _parts(self._model)
            if parts is not None:
                self._among_others = self._read_by(1, parts)
        except Exception:
            # The session with all threads serves all of them, only slower.
            _LOGGER.exception("No second session for several texts at once")
        parts = None
        trim()
