"""One utterance of a client of Whisper: audio comes in pieces, the words leave at its end."""

from collections.abc import Callable, Generator, Iterable, Mapping
from typing import Any

from wyoming_servers.audio.pcm import from_s16
from wyoming_servers.core.domain import SPEECH_FORMAT
from wyoming_servers.core.errors import BadRequestError
from wyoming_servers.engines.base import Output
from wyoming_servers.engines.whisper.decoder import WhisperUtterance
from wyoming_servers.engines.whisper.request import WhisperRequest

Transcribe = Callable[[WhisperUtterance], Generator[Output, None, Mapping[str, Any]]]


class WhisperSession:
    """Keeps the audio of one run, at most `max_seconds` of it.

    Features are computed at the end, all at once: for two seconds of audio that takes half a
    millisecond (with one BLAS thread), which is less than a piece of it costs to come through.
    """

    def __init__(self, transcribe: Transcribe, request: WhisperRequest, max_seconds: float) -> None:
        self._transcribe = transcribe
        self._request = request
        self._max_bytes = SPEECH_FORMAT.bytes_for(max_seconds)
        self._audio = bytearray()

    def feed(self, payload: bytes, data: Mapping[str, Any]) -> Iterable[Output]:
        """Keep the audio. Raises BadRequestError when it is longer than `max_seconds`."""
        self._audio += payload
        if len(self._audio) > self._max_bytes:
            raise BadRequestError(
                f"The audio is longer than {SPEECH_FORMAT.seconds(self._max_bytes):g} s.",
                hint="Send it in parts, cut at pauses.",
            )
        return ()

    def finish(self) -> Generator[Output, None, Mapping[str, Any]]:
        """Transcribe. Each segment is an output; a cancelled run stops between two of them."""
        return self._transcribe(self.take_utterance())

    def take_utterance(self) -> WhisperUtterance:
        """Hand over what was said; half a sample at its end is dropped."""
        whole = len(self._audio) - len(self._audio) % SPEECH_FORMAT.frame_bytes
        audio = from_s16(memoryview(self._audio)[:whole])
        self._audio = bytearray()
        return WhisperUtterance(audio, self._request)

    def close(self) -> None:
        """Drop the audio."""
        self._audio = bytearray()
