"""Bytes from the network and from workers: frames, messages, forms, webhook URLs."""

import ipaddress
from typing import Any, Final

import httpcore

from wyoming_servers.core.errors import BadRequestError
from wyoming_servers.http.upload import MultipartForm, MultipartReader
from wyoming_servers.protocol.codec import (
    Frame,
    FrameDecoder,
    FrameLimits,
    FramingError,
    encode_frame,
)
from wyoming_servers.protocol.messages import (
    MESSAGES,
    Message,
    Peer,
    ProtocolError,
    from_frame,
    to_frame,
)
from wyoming_servers.protocol.session import ProtocolSession
from wyoming_servers.webhooks.ssrf_guard import AddressGuard

_LIMITS: Final = FrameLimits(header=512, data=1_024, payload=2_048)
BOUNDARY: Final = b"boundary"


def wyoming(data: bytes) -> None:
    """Frames do not depend on the pieces, what is held is bounded, and they can be sent on."""
    step = data[0] % 64 + 1 if data else 1
    stream = data[1:]
    whole, error = _decode(stream, len(stream) + 1)
    pieces, piece_error = _decode(stream, step)
    assert pieces == whole
    assert error == piece_error or not (error and piece_error)
    for frame in whole:
        again, error = _decode(encode_frame(frame), 1_000_000)
        assert not error or "header" in error or "over the limit" in error, error
        assert again in ([frame], [])


def _decode(stream: bytes, step: int) -> tuple[list[Frame], str]:
    decoder = FrameDecoder(_LIMITS)
    most = _LIMITS.header + _LIMITS.data + _LIMITS.payload + step
    frames: list[Frame] = []
    try:
        for at in range(0, len(stream), step):
            decoder.feed(stream[at : at + step])
            frames += decoder
            assert decoder.pending <= most
        decoder.eof()
    except FramingError as err:
        return frames, err.message
    return frames, ""


def messages(data: bytes) -> None:
    """A message that is accepted can be sent again and stays the same."""
    for frame in _decode(data, len(data) + 1)[0]:
        _message(frame)


def _message(frame: Frame) -> Message | None:
    try:
        message = from_frame(frame, Peer.WORKER)
    except ProtocolError as err:
        assert err.fault is Peer.WORKER
        return None
    assert from_frame(_over_the_wire(to_frame(message)), Peer.WORKER) == message
    return message


def _over_the_wire(frame: Frame) -> Frame:
    decoder = FrameDecoder(FrameLimits(header=1 << 20, data=1 << 20, payload=1 << 20))
    decoder.feed(encode_frame(frame))
    (again,) = decoder
    return again


_KINDS: Final = tuple(MESSAGES.values())


def session(data: bytes) -> None:
    """Two ends that exchange messages in any order agree, or one of them blames the other.

    Each byte is a message: who sends it, its kind, and the number of its run.
    """
    ends = {peer: ProtocolSession(peer) for peer in Peer}
    on_the_way: dict[Peer, list[Message]] = {peer: [] for peer in Peer}
    for code, run in zip(data[::2], data[1::2], strict=False):
        sender = Peer.SERVER if code & 1 else Peer.WORKER
        if code & 2 and on_the_way[sender]:
            # What was sent legally may have crossed another message, and must be accepted.
            ends[sender.other].receive(on_the_way[sender].pop(0))
            continue
        message = _make(_KINDS[(code >> 2) % len(_KINDS)], run % 8, streaming=bool(run & 8))
        before = (ends[sender].phase, ends[sender].runs)
        try:
            if ends[sender].send(message):
                on_the_way[sender].append(message)
        except ProtocolError as err:
            assert err.fault is sender
            assert (ends[sender].phase, ends[sender].runs) == before
        assert len(ends[sender].runs) <= 8


def _make(kind: type[Message], run: int, *, streaming: bool) -> Message:
    values: dict[str, Any] = {
        "model": "m",
        "engine": "e",
        "kind": "asr",
        "phase": "load",
        "seconds": 1.0,
        "code": "BUSY",
        "message": "text",
        "size": 1,
        "run": run,
        "target": run,
        "streaming": streaming,
    }
    names = {field for field in kind.__dataclass_fields__ if field in values}
    return kind(**{name: values[name] for name in names})


def multipart(data: bytes) -> None:
    """A form does not depend on the pieces, and keeps no more than was sent.

    Except that python-multipart accepts some preambles whole that it refuses in pieces.
    """
    step = data[0] % 64 + 1 if data else 1
    body = data[1:]
    whole, pieces = _form(body, len(body) + 1), _form(body, step)
    if whole is not None and pieces is not None:
        assert whole == pieces
        form, content = whole
        assert len(content) == (form.size or 0) <= len(body)
        assert "/" not in form.filename
        assert sum(len(value) for values in form.fields.values() for value in values) <= len(body)


def _form(body: bytes, step: int) -> tuple[MultipartForm, bytes] | None:
    content = b""
    try:
        reader = MultipartReader(BOUNDARY, "audio")
        for at in range(0, len(body), step):
            content += reader.feed(body[at : at + step])
        reader.finish()
    except BadRequestError:
        return None
    return reader.form, content


_PUBLIC: Final = AddressGuard(["public"])
_LISTED: Final = AddressGuard(["192.168.1.0/24", "home.lan", "*.example.org"])


def webhook_url(data: bytes) -> None:
    """A URL that passes can be called, and an address that passes is one of the internet."""
    url = data.decode("utf-8", "surrogateescape")
    for guard in (_PUBLIC, _LISTED):
        try:
            parts = guard.check_url(url)
        except BadRequestError:
            continue
        called = httpcore.Request("POST", url).url
        assert called.scheme in (b"http", b"https")
        assert called.host.decode() == (parts.hostname or ""), url
        assert called.port in (None, parts.port)
        try:
            address = ipaddress.ip_address(called.host.decode())
        except ValueError:
            continue
        allowed = ipaddress.ip_network("192.168.1.0/24")
        assert address.is_global if guard is _PUBLIC else address in allowed
