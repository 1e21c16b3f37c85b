"""Fake Wyoming server that answers `describe`, which is enough for the `wyoming` integration."""

import asyncio
from contextlib import suppress
from copy import deepcopy

from wyoming.event import async_read_event, async_write_event
from wyoming.info import (
    AsrModel,
    AsrProgram,
    Attribution,
    Info,
    TtsProgram,
    TtsVoice,
    WakeModel,
    WakeProgram,
)

ATTRIBUTION = Attribution(name="Test", url="https://example.com")
COMMON = {"attribution": ATTRIBUTION, "installed": True, "description": None, "version": "1"}

ASR = Info(
    asr=[
        AsrProgram(
            name="whisper",
            models=[AsrModel(name="base", languages=["en", "de", "fr"], **COMMON)],
            **COMMON,
        )
    ]
)
TTS = Info(
    tts=[
        TtsProgram(
            name="piper",
            voices=[
                TtsVoice(name="en_US-joe-medium", languages=["en_US"], **COMMON),
                TtsVoice(name="en_US-amy-low", languages=["en_US"], **COMMON),
            ],
            **COMMON,
        )
    ]
)
WAKE = Info(
    wake=[
        WakeProgram(
            name="openwakeword",
            models=[WakeModel(name="hey_jarvis", languages=["en"], phrase="hey jarvis", **COMMON)],
            **COMMON,
        )
    ]
)


class FakeWyoming:
    """One Wyoming service."""

    def __init__(self, info: Info) -> None:
        """Answer `describe` with `info`."""
        self._info = info
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0
        self.described = 0
        """Number of answered `describe` events."""

    def set_languages(self, *languages: str) -> None:
        """Offer other languages from now on."""
        self._info = deepcopy(self._info)
        models = [model for program in self._info.asr for model in program.models]
        voices = [voice for program in self._info.tts for voice in program.voices]
        for item in (*models, *voices):
            item.languages = list(languages)

    async def start(self) -> None:
        """Start listening on a free port, a second time on the same port."""
        self._server = await asyncio.start_server(self._handle_connection, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and close all connections."""
        if self._server is not None:
            self._server.close()
            for writer in tuple(self._writers):
                writer.close()
            await self._server.wait_closed()

    async def _handle_connection(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._writers.add(writer)
        with suppress(ConnectionError):
            while (event := await async_read_event(reader)) is not None:
                if event.type == "describe":
                    self.described += 1
                    await async_write_event(self._info.event(), writer)
        self._writers.discard(writer)
        writer.close()
