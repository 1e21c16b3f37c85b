"""The programs of the speech-to-text port, and `select-program`, which selects one of them."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, ClassVar, Final, Self

from wyoming.event import Event

from wyoming_servers.core.domain import ModelSpec, Task
from wyoming_servers.speech.asr.transcriber import is_openai_model
from wyoming_servers.wyoming.asr import AsrClientSession
from wyoming_servers.wyoming.info import ASR_TITLE, PROGRAM_NAME
from wyoming_servers.wyoming.session import ClientSession

_REQUEST_FIELDS: Final = frozenset(
    {
        "name",
        "language",
        "transcript_names",
        "transcript_terms",
        "vad_sensitivity",
        "context",
    }
)
"""Fields of `transcribe` that have a meaning; others are not kept."""

_LOGGER: Final = logging.getLogger(__name__)


class ProgramRegistry:
    """The programs a client can select on one port; reads `specs` at every call."""

    def __init__(self, specs: Mapping[str, ModelSpec], default_model: str | None = None) -> None:
        self._specs = specs
        self.default_model = default_model
        """The model that the port belongs to; None where the configuration selects one."""

    def find(self, name: str) -> tuple[str | None] | None:
        """Return the model of a program, (None,) for the configured model; None if unknown.

        A name is 1. that of the program of all models, 2. a model's id, or 3. the name of a program
        in `info`, which ends in the machine's name.
        """
        title, on, _ = name.partition(" on ")
        if name == PROGRAM_NAME or (on and title == ASR_TITLE):  # 1, 3
            return (None,)
        for spec in self._specs.values():
            if spec.task is Task.ASR and title == spec.id:  # 2, 3
                return (spec.id,)
        return None


class ProgramSession:
    """Wraps a speech-to-text session and adds the selected model to utterances that name none.

    It adds the model's name to `transcribe`, and sends a `transcribe` of its own for a client that
    starts with audio. A selection takes effect with the next utterance; unknown names are ignored.
    """

    EVENTS: ClassVar[frozenset[str]] = AsrClientSession.EVENTS | {"select-program"}

    def __init__(self, session: ClientSession, programs: ProgramRegistry) -> None:
        self._session = session
        self._find: Callable[[str], tuple[str | None] | None] = programs.find
        self._model = programs.default_model
        self._last_request: Mapping[str, Any] = {}
        """Fields of the client's last `transcribe`."""
        self._last_request_bytes = 0
        """Roughly the memory that they take."""
        self._pending = self._model is not None
        """Whether the session does not know the selection yet."""
        self._in_audio = False
        """Whether audio has started and not stopped."""

    @property
    def idle(self) -> asyncio.Event:
        """Set while no request is open."""
        return self._session.idle

    @property
    def is_processing(self) -> bool:
        """Whether the client waits for the server."""
        return self._session.is_processing

    @property
    def has_request(self) -> bool:
        """Whether an utterance is open."""
        return self._session.has_request

    @property
    def held_bytes(self) -> int:
        """Bytes that are kept for the open utterance, and of the last `transcribe`."""
        return self._session.held_bytes + self._last_request_bytes

    async def handle(self, event: Event) -> None:
        """Handle the next event. An exception is sent to the client as an `error`."""
        match event.type:
            case "select-program":
                self._select(event.data.get("name"))
                return
            case "transcribe":
                self._last_request = {
                    name: value for name, value in event.data.items() if name in _REQUEST_FIELDS
                }
                self._last_request_bytes = _memory_of_request(self._last_request)
                self._pending = False
                event = self._transcribe()
            case "audio-start":
                await self._send_selection()
                self._in_audio = True
            case "audio-chunk":
                if not self._in_audio:
                    await self._send_selection()
                self._in_audio = True
            case "audio-stop":
                self._in_audio = False
        await self._session.handle(event)

    def _select(self, name: object) -> None:
        found = self._find(name) if isinstance(name, str) else None
        if found is None:
            _LOGGER.debug("Ignored the selection of an unknown program: %.60r", name)
            return
        (self._model,) = found
        self._pending = True

    async def _send_selection(self) -> None:
        """Send the selection before audio that no `transcribe` has announced."""
        if self._pending:
            self._pending = False
            await self._session.handle(self._transcribe())

    def _transcribe(self) -> Event:
        """Return the client's last `transcribe`, with the selected model if it names none."""
        data = dict(self._last_request)
        name = data.get("name")
        unnamed = not name or (isinstance(name, str) and is_openai_model(name))
        if unnamed and self._model is not None:
            data["name"] = self._model
        return Event("transcribe", data)

    async def __aenter__(self) -> Self:
        await self._session.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._session.__aexit__(kind, error, traceback)


def _memory_of_request(request: Mapping[str, Any]) -> int:
    """Return roughly the bytes that the fields of a `transcribe` take."""
    size = 0
    stack: list[Any] = [dict(request)]
    while stack:
        value = stack.pop()
        size += 64
        if isinstance(value, str):
            size += len(value)
        elif isinstance(value, list):
            stack += value
        elif isinstance(value, dict):
            size += 168
            stack += [*value, *value.values()]
    return size
