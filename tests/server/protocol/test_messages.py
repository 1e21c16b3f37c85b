"""Messages survive the round trip through a frame; wrong fields blame the sender."""

from typing import Any

import pytest

from wyoming_servers.protocol.codec import Frame, FrameDecoder, encode_frame
from wyoming_servers.protocol.messages import (
    MESSAGES,
    PIPE_LIMITS,
    Cancel,
    Credit,
    ErrorMessage,
    InferenceChunk,
    InferenceResult,
    InputChunk,
    InputEnd,
    LoadModel,
    Message,
    ModelReady,
    ModelUnloadedMessage,
    Peer,
    Ping,
    Pong,
    ProgressMessage,
    ProtocolError,
    RunInference,
    UnloadModel,
    from_frame,
    to_frame,
)

EXAMPLES: list[Message] = [
    LoadModel(
        model="whisper/base",
        engine="faster-whisper",
        kind="asr",
        files={"model": "/m"},
        languages=("de", "en"),
        device="cuda:0",
        compute_type="float16",
        options={"cpu_threads": 2},
    ),
    LoadModel(model="m", engine="fake", kind="tts"),
    ProgressMessage(phase="load", percent=40),
    ProgressMessage(phase="inference", run=3),
    ModelReady(seconds=1.5, info={"sample_rate": 22_050}),
    ModelReady(seconds=2),
    RunInference(run=1, priority=10, streaming=True, request={"text": "Hi."}),
    RunInference(run=2, payload=b"\x00\x01"),
    InputChunk(run=1, data={"timestamp": 5}, payload=b"abc"),
    InputEnd(run=1),
    InferenceChunk(run=1, data={"text": "é"}, payload=b"\xff"),
    InferenceResult(run=1, data={"text": ""}),
    ErrorMessage(code="OOM", message="No.", hint="Do.", recoverable=False, run=1),
    ErrorMessage(code="LOAD_FAILED", message="No."),
    Credit(run=1, size=4_096),
    Cancel(target=1),
    UnloadModel(),
    ModelUnloadedMessage(),
    Ping(text="1"),
    Pong(text="1"),
]


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda message: message.type)
def test_message_survives_the_round_trip(message: Message) -> None:
    decoder = FrameDecoder(PIPE_LIMITS)
    decoder.feed(encode_frame(to_frame(message)))
    (frame,) = decoder
    assert from_frame(frame, Peer.SERVER) == message


def test_every_message_has_an_example() -> None:
    assert {type(message) for message in EXAMPLES} == set(MESSAGES.values())


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("no-such-message", {}),
        ("run-inference", {}),
        ("run-inference", {"run": "1"}),
        ("run-inference", {"run": 1.5}),
        ("run-inference", {"run": True}),
        ("run-inference", {"run": None}),
        ("run-inference", {"run": 1, "streaming": 1}),
        ("run-inference", {"run": 1, "request": []}),
        ("load-model", {"model": "m", "engine": "e", "kind": "asr", "files": {"model": 1}}),
        ("load-model", {"model": "m", "engine": "e", "kind": "asr", "languages": "en"}),
        ("load-model", {"model": "m", "engine": "e", "kind": "asr", "languages": [1]}),
        ("model-ready", {"seconds": "1"}),
        ("error", {"code": "OOM"}),
        ("error", {"code": 1, "message": ""}),
    ],
)
def test_invalid_message_blames_its_sender(kind: str, data: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError) as caught:
        from_frame(Frame(kind, data), Peer.WORKER)
    assert caught.value.fault is Peer.WORKER


def test_unknown_fields_are_ignored() -> None:
    assert from_frame(Frame("ping", {"text": "a", "new": 1}), Peer.SERVER) == Ping(text="a")
