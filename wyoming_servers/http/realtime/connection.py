"""`/v1/realtime`: one WebSocket, its client's events, and the conversation's events.

Browsers cannot send an Authorization header; they offer the subprotocols `realtime` and
`openai-insecure-api-key.TOKEN` instead. An event that is not valid is answered by an `error`
event, and the conversation goes on.
"""

import asyncio
import base64
import binascii
import contextlib
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from wyoming_servers.core.errors import BadRequestError, ConductorError, RequestError, shorten
from wyoming_servers.http.context import ApiContext
from wyoming_servers.http.realtime.audio_codec import InputDecoder, OutputEncoder
from wyoming_servers.http.realtime.items import answer_to_json, item_from_json, item_to_json
from wyoming_servers.http.realtime.session import DEFAULT_MODEL, Session
from wyoming_servers.speech.conversation.conversation import Conversation
from wyoming_servers.speech.conversation.events import (
    Answer,
    AnswerAudioExtended,
    AnswerEnded,
    AnswerItemAdded,
    AnswerItemEnded,
    AnswerStarted,
    AnswerTextExtended,
    ConversationEvent,
    TranscriptExtended,
    TranscriptionFailed,
    TurnCommitted,
    TurnTranscribed,
    UserStartedSpeaking,
    UserStoppedSpeaking,
)
from wyoming_servers.speech.conversation.history import Item, new_id

router = APIRouter()

SUBPROTOCOL: Final = "realtime"

MAX_CONVERSATIONS: Final = 32
"""Open conversations of all clients."""

_NORMAL: Final = 1000
_REFUSED: Final = 1008
_UNAVAILABLE: Final = 1013

_LOGGER: Final = logging.getLogger(__name__)


@router.websocket("/v1/realtime")
async def realtime(socket: WebSocket) -> None:
    """Hold one conversation."""
    context: ApiContext = socket.app.state.context
    services = context.conversations
    config = context.config
    if services is None or not (config.asr.enabled and config.tts.enabled):
        await socket.close(_REFUSED, "Conversations need speech-to-text and text-to-speech.")
        return
    if services.open_count >= MAX_CONVERSATIONS:
        await socket.close(_UNAVAILABLE, f"{MAX_CONVERSATIONS} conversations are open already.")
        return
    services.open_count += 1
    try:
        offered = socket.scope.get("subprotocols", [])
        await socket.accept(SUBPROTOCOL if SUBPROTOCOL in offered else None)
        await _Connection(socket, context).run()
    finally:
        services.open_count -= 1


class _Connection:
    """Translates between a client and its conversation."""

    def __init__(self, socket: WebSocket, context: ApiContext) -> None:
        assert context.conversations is not None  # noqa: S101  (checked by `realtime`)
        self._socket = socket
        self._context = context
        client = socket.client
        self._client = "realtime" if client is None else f"{client.host}:{client.port}"
        query = socket.query_params
        self._session = Session(
            model=query.get("model") or DEFAULT_MODEL,
            type="transcription" if query.get("intent") == "transcription" else "realtime",
        )
        self._session_id = new_id("sess")
        self._conversation_id = new_id("conv")
        self._decoder = InputDecoder("audio/pcm", self._session.audio.input.format.rate)
        self._encoders: dict[str, OutputEncoder] = {}
        """By the id of the message that is spoken."""
        self._conversation = Conversation(
            context.conversations, self._on_event, self._session.settings(self._client)
        )
        self._handlers: dict[str, Callable[[Mapping[str, Any]], Awaitable[None]]] = {
            "session.update": self._update_session,
            "input_audio_buffer.append": self._append,
            "input_audio_buffer.commit": self._commit,
            "input_audio_buffer.clear": self._clear,
            "conversation.item.create": self._create_item,
            "conversation.item.retrieve": self._retrieve_item,
            "conversation.item.delete": self._delete_item,
            "conversation.item.truncate": self._truncate_item,
            "response.create": self._create_response,
            "response.cancel": self._cancel_response,
            "output_audio_buffer.clear": self._cancel_response,
        }

    async def run(self) -> None:
        """Serve the client until it leaves, is idle for long, or the server stops."""
        reading = asyncio.create_task(self._read(), name="realtime client")
        closing = asyncio.create_task(self._context.closing.wait(), name="wait for shutdown")
        try:
            async with self._conversation:
                await self._send("session.created", session=self._session_json())
                await asyncio.wait({reading, closing}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (reading, closing):
                task.cancel()
            await asyncio.wait({reading, closing})
        reason = ""
        if not reading.cancelled() and (error := reading.exception()) is not None:
            if isinstance(error, WebSocketDisconnect):
                return
            if not isinstance(error, TimeoutError):
                raise error
            reason = "The client sent nothing for a long time."
        with contextlib.suppress(RuntimeError):
            await self._socket.close(_NORMAL, reason)

    async def _read(self) -> None:
        while True:
            async with asyncio.timeout(self._context.config.limits.idle_timeout):
                message = await self._socket.receive()
            if message["type"] != "websocket.receive":
                raise WebSocketDisconnect(message.get("code", _NORMAL))
            event: Any = None
            try:
                event = _parse(message.get("text"))
                await self._handle(event)
            except ConductorError as err:
                event_id = event.get("event_id") if isinstance(event, dict) else None
                await self._send_error(err, event_id)

    async def _handle(self, event: Mapping[str, Any]) -> None:
        handler = self._handlers.get(event["type"])
        if handler is None:
            raise BadRequestError(f"The event {shorten(event['type'])!r} is not supported.")
        await handler(event)

    # Events of the client

    async def _update_session(self, event: Mapping[str, Any]) -> None:
        change = event.get("session")
        if not isinstance(change, Mapping):
            raise BadRequestError("session must be an object.")
        session = self._session.updated(change)
        media = session.audio.input.format
        if media != self._session.audio.input.format:
            self._decoder = InputDecoder(media.type, media.rate)
        turn_changed = (
            session.audio.input.turn_detection != self._session.audio.input.turn_detection
        )
        self._session = session
        self._conversation.settings = session.settings(self._client)
        if turn_changed:
            await self._conversation.clear()
        await self._send("session.updated", session=self._session_json())

    async def _append(self, event: Mapping[str, Any]) -> None:
        audio = event.get("audio")
        if not isinstance(audio, str):
            raise BadRequestError("audio must be a text in base64.")
        try:
            data = base64.b64decode(audio, validate=True)
        except (binascii.Error, ValueError) as err:
            raise BadRequestError("audio is not valid base64.") from err
        await self._conversation.feed(self._decoder.decode(data), self._decoder.format)

    async def _commit(self, event: Mapping[str, Any]) -> None:
        await self._conversation.commit()

    async def _clear(self, event: Mapping[str, Any]) -> None:
        await self._conversation.clear()
        await self._send("input_audio_buffer.cleared")

    async def _create_item(self, event: Mapping[str, Any]) -> None:
        item = item_from_json(event.get("item"))
        after = event.get("previous_item_id")
        previous = self._conversation.history.add(item, after if isinstance(after, str) else None)
        shown = item_to_json(item)
        await self._send("conversation.item.added", previous_item_id=previous, item=shown)
        await self._send("conversation.item.done", previous_item_id=previous, item=shown)

    async def _retrieve_item(self, event: Mapping[str, Any]) -> None:
        item = self._conversation.history.get(str(event.get("item_id")))
        await self._send("conversation.item.retrieved", item=item_to_json(item))

    async def _delete_item(self, event: Mapping[str, Any]) -> None:
        item_id = str(event.get("item_id"))
        self._conversation.history.delete(item_id)
        await self._send("conversation.item.deleted", item_id=item_id)

    async def _truncate_item(self, event: Mapping[str, Any]) -> None:
        item_id, end = str(event.get("item_id")), event.get("audio_end_ms")
        if not isinstance(end, int) or isinstance(end, bool) or end < 0:
            raise BadRequestError("audio_end_ms must be a number of milliseconds.")
        self._conversation.truncate(item_id, end / 1_000)
        await self._send(
            "conversation.item.truncated",
            item_id=item_id,
            content_index=event.get("content_index") or 0,
            audio_end_ms=end,
        )

    async def _create_response(self, event: Mapping[str, Any]) -> None:
        given = event.get("response") or {}
        if not isinstance(given, Mapping):
            raise BadRequestError("response must be an object.")
        fields = ("instructions", "tools", "tool_choice", "output_modalities", "audio")
        change = {name: given[name] for name in (*fields, "max_output_tokens") if given.get(name)}
        settings = self._session.updated(change).settings(self._client)
        answer = Answer(settings, self._context.clock, metadata=given.get("metadata"))
        if isinstance(items := given.get("input"), list):
            answer.input = [self._referenced(item) for item in items]
        elif given.get("conversation") == "none":
            answer.input = [replace(item) for item in self._conversation.history]
        await self._conversation.respond(answer)

    def _referenced(self, item: Any) -> Item:
        match item:
            case {"type": "item_reference", "id": str(item_id)}:
                return self._conversation.history.get(item_id)
        return item_from_json(item)

    async def _cancel_response(self, event: Mapping[str, Any]) -> None:
        answer_id = event.get("response_id")
        await self._conversation.cancel(answer_id if isinstance(answer_id, str) else None)

    # Events of the conversation

    async def _on_event(self, event: ConversationEvent) -> None:
        match event:
            case UserStartedSpeaking(item_id, at):
                await self._send(
                    "input_audio_buffer.speech_started",
                    item_id=item_id,
                    audio_start_ms=round(1_000 * at),
                )
            case UserStoppedSpeaking(item_id, at):
                await self._send(
                    "input_audio_buffer.speech_stopped",
                    item_id=item_id,
                    audio_end_ms=round(1_000 * at),
                )
            case TurnCommitted(item, previous):
                await self._send(
                    "input_audio_buffer.committed", item_id=item.id, previous_item_id=previous
                )
                await self._send(
                    "conversation.item.added", previous_item_id=previous, item=item_to_json(item)
                )
            case TranscriptExtended(item_id, text):
                await self._send_transcription("delta", item_id, delta=text)
            case TurnTranscribed(item, seconds):
                if self._session.audio.input.transcription or self._session.type != "realtime":
                    usage = {"type": "duration", "seconds": round(seconds, 3)}
                    speaker = {"speaker": item.speaker} if item.speaker else {}
                    await self._send_transcription(
                        "completed", item.id, transcript=item.text, usage=usage, **speaker
                    )
                await self._send("conversation.item.done", item=item_to_json(item))
            case TranscriptionFailed(item_id, error):
                await self._send_transcription("failed", item_id, error=_error_json(error))
            case _:
                await self._on_answer_event(event)

    async def _on_answer_event(self, event: ConversationEvent) -> None:
        match event:
            case AnswerStarted(answer):
                await self._send("response.created", response=self._answer_json(answer))
            case AnswerItemAdded(answer, item, previous):
                await self._add_output(answer, item, previous)
            case AnswerTextExtended(answer, item, text):
                kind = "output_audio_transcript" if item.is_audio else "output_text"
                await self._send_output(answer, item, f"{kind}.delta", content_index=0, delta=text)
            case AnswerAudioExtended(answer, item, pcm, source):
                if item.id not in self._encoders:
                    media = self._session.audio.output.format
                    self._encoders[item.id] = OutputEncoder(media.type, media.rate, source)
                await self._send_audio(answer, item, self._encoders[item.id].encode(pcm))
            case AnswerItemEnded(answer, item):
                await self._end_output(answer, item)
            case AnswerEnded(answer):
                await self._send("response.done", response=self._answer_json(answer))

    async def _add_output(self, answer: Answer, item: Item, previous: str | None) -> None:
        shown = item_to_json(item)
        await self._send_output(answer, item, "output_item.added", item=shown)
        if answer.input is None:
            await self._send("conversation.item.added", previous_item_id=previous, item=shown)
        if item.kind == "message":
            await self._send_output(
                answer, item, "content_part.added", content_index=0, part=_part(item, "")
            )

    async def _end_output(self, answer: Answer, item: Item) -> None:
        encoder = self._encoders.pop(item.id, None)
        if item.kind == "function_call":
            arguments = {"call_id": item.call_id, "name": item.name}
            kind = "function_call_arguments"
            await self._send_output(
                answer, item, f"{kind}.delta", call_id=item.call_id, delta=item.arguments
            )
            await self._send_output(
                answer, item, f"{kind}.done", **arguments, arguments=item.arguments
            )
        elif item.is_audio:
            if encoder is not None and item.status == "completed":
                await self._send_audio(answer, item, encoder.flush())
            await self._send_output(answer, item, "output_audio.done", content_index=0)
            await self._send_output(
                answer,
                item,
                "output_audio_transcript.done",
                content_index=0,
                transcript=item.text,
            )
        else:
            await self._send_output(
                answer, item, "output_text.done", content_index=0, text=item.text
            )
        shown = item_to_json(item)
        if item.kind == "message":
            await self._send_output(
                answer, item, "content_part.done", content_index=0, part=_part(item, item.text)
            )
        if answer.input is None:
            await self._send("conversation.item.done", item=shown)
        await self._send_output(answer, item, "output_item.done", item=shown)

    async def _send_audio(self, answer: Answer, item: Item, audio: bytes) -> None:
        if audio:
            delta = base64.b64encode(audio).decode()
            await self._send_output(
                answer, item, "output_audio.delta", content_index=0, delta=delta
            )

    async def _send_output(self, answer: Answer, item: Item, kind: str, /, **fields: Any) -> None:
        """Send an event about an item of an answer."""
        if not kind.startswith("output_item."):
            fields["item_id"] = item.id
        index = next(index for index, other in enumerate(answer.items) if other is item)
        await self._send(f"response.{kind}", response_id=answer.id, output_index=index, **fields)

    async def _send_transcription(self, kind: str, item_id: str, **fields: Any) -> None:
        kind = f"conversation.item.input_audio_transcription.{kind}"
        await self._send(kind, item_id=item_id, content_index=0, **fields)

    async def _send_error(self, error: ConductorError, event_id: Any) -> None:
        await self._send(
            "error",
            error=_error_json(error)
            | {"param": None, "event_id": event_id if isinstance(event_id, str) else None},
        )

    async def _send(self, kind: str, **fields: Any) -> None:
        message = {"type": kind, "event_id": new_id("event"), **fields}
        # A client that has left is noticed by the task that reads.
        with contextlib.suppress(RuntimeError, WebSocketDisconnect, OSError):
            await self._socket.send_text(json.dumps(message, ensure_ascii=False))

    def _session_json(self) -> dict[str, Any]:
        return {
            "id": self._session_id,
            "object": "realtime.session",
            **self._session.model_dump(mode="json"),
            "instructions": self._session.instructions
            if self._session.instructions is not None
            else self._context.config.conversation.instructions,
        }

    def _answer_json(self, answer: Answer) -> dict[str, Any]:
        audio = self._session.audio.output
        return answer_to_json(answer) | {
            "conversation_id": self._conversation_id if answer.input is None else None,
            "audio": {
                "output": {
                    "format": audio.format.model_dump(),
                    "voice": answer.settings.voice or audio.voice,
                }
            },
        }


def _parse(text: Any) -> dict[str, Any]:
    """Return the event of a message. Raises BadRequestError."""
    if not isinstance(text, str):
        raise BadRequestError("Events are text messages.")
    try:
        event = json.loads(text)
    except (ValueError, RecursionError) as err:
        raise BadRequestError("The message is not JSON.") from err
    if not isinstance(event, dict) or not isinstance(event.get("type"), str):
        raise BadRequestError("An event needs a type.")
    return event


def _error_json(error: ConductorError) -> dict[str, Any]:
    kind = "invalid_request_error" if isinstance(error, RequestError) else "server_error"
    return {"type": kind, "code": error.code, "message": str(error)}


def _part(item: Item, text: str) -> dict[str, Any]:
    if item.is_audio:
        return {"type": "audio", "transcript": text}
    return {"type": "text", "text": text}
