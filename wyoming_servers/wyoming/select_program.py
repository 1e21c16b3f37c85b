"""Wyoming's `select-program`: which of the installed models a connection speaks with."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, ClassVar, Final, Self

from wyoming.event import Event

from wyoming_servers.core.domain import (
    ModelSpec,
    Task,
)
from wyoming_servers.protocol.codec import Frame
from wyoming_servers.wyoming.asr import AsrClientSession
from wyoming_servers.wyoming.info import (
    PROGRAM_NAME,
    program_name,
)
from wyoming_servers.wyoming.session import (
    ClientSession,
    SupportsInlineHandling,
)

_LOGGER: Final = logging.getLogger(__name__)


class ProgramRegistry:
    """The names a client can select on one port; reads `specs` anew at every call."""

    def __init__(self, specs: Mapping[str, ModelSpec], first: str | None = None) -> None:
        self._specs = specs
        self.default_model = first
        """The model of a port of its own; None where the configuration decides."""

    def find(self, name: str) -> tuple[str | None] | None:
        """Return the model that a name means, (None,) for the configured one; None if unknown.

        1. The program of all models. 2. The program of one. 3. The id of a model.
        """
        if name == PROGRAM_NAME:  # 1
            return (None,)
        for spec in self._specs.values():
            if spec.task is Task.ASR and name in (program_name(spec.id), spec.id):  # 2, 3
                return (spec.id,)
        return None


class ProgramSession:
    """Speech-to-text with a model that is chosen once for the utterances that name none.

    It puts the model's name into `transcribe`, and sends one ahead for a client that begins with
    audio. A choice holds from the next utterance on; an unknown name is ignored.
    """

    EVENTS: ClassVar[frozenset[str]] = AsrClientSession.EVENTS | {"select-program"}

    def __init__(self, session: ClientSession, programs: ProgramRegistry) -> None:
        self._session = session
        self._inline = session if isinstance(session, SupportsInlineHandling) else None
        self._find: Callable[[str], tuple[str | None] | None] = programs.find
        self._model = programs.default_model
        self._last_request: Mapping[str, Any] = {}
        """What the client's last `transcribe` said."""
        self._pending = self._model is not None
        """Whether the session has yet to be told of the choice."""
        self._in_audio = False
        """Whether audio has begun and not ended."""

    @property
    def idle(self) -> asyncio.Event:
        """Set while no request is open."""
        return self._session.idle

    @property
    def is_processing(self) -> bool:
        """Whether the next word is ours."""
        return self._session.is_processing

    def try_handle(self, frame: Frame) -> bool:
        """Let the session handle it at once, where that changes nothing here."""
        if self._inline is None or self._pending or frame.type != "audio-chunk":
            return False
        if not self._inline.try_handle(frame):
            return False
        self._in_audio = True
        return True

    async def handle(self, event: Event) -> None:
        """Take the next event. What it raises is told to the client as an `error`."""
        match event.type:
            case "select-program":
                self._select(event.data.get("name"))
                return
            case "transcribe":
                self._last_request = event.data
                self._pending = False
                event = self._transcribe()
            case "audio-start":
                await self._send_choice()
                self._in_audio = True
            case "audio-chunk":
                if not self._in_audio:
                    await self._send_choice()
                self._in_audio = True
            case "audio-stop":
                self._in_audio = False
        await self._session.handle(event)

    def _select(self, name: object) -> None:
        found = self._find(name) if isinstance(name, str) else None
        if found is None:
            _LOGGER.debug("A program that is not here was selected: %.60r", name)
            return
        (self._model,) = found
        self._pending = True

    async def _send_choice(self) -> None:
        """Send the choice ahead of audio that no `transcribe` announced."""
        if self._pending:
            self._pending = False
            await self._session.handle(self._transcribe())

    def _transcribe(self) -> Event:
        """Return what the client asked for last, by the model chosen if it named none."""
        data = dict(self._last_request)
        if not data.get("name") and self._model is not None:
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
