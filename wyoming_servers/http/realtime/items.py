"""Items and answers of a conversation as OpenAI's realtime protocol shows them."""

from collections.abc import Mapping
from typing import Any

from wyoming_servers.core.errors import BadRequestError, shorten
from wyoming_servers.speech.conversation.events import Answer
from wyoming_servers.speech.conversation.history import Item, new_id

_ROLES = ("user", "assistant", "system")


def item_to_json(item: Item) -> dict[str, Any]:
    """Return an item as a client sees it."""
    shown: dict[str, Any] = {
        "id": item.id,
        "object": "realtime.item",
        "type": item.kind,
        "status": item.status,
    }
    if item.kind == "function_call":
        return shown | {"name": item.name, "call_id": item.call_id, "arguments": item.arguments}
    if item.kind == "function_call_output":
        return shown | {"call_id": item.call_id, "output": item.output}
    content: list[dict[str, Any]] = []
    if item.role == "assistant":
        if item.text:
            content.append(
                {"type": "output_audio", "transcript": item.text}
                if item.is_audio
                else {"type": "output_text", "text": item.text}
            )
    elif item.is_audio:
        content.append({"type": "input_audio", "transcript": item.text or None})
    else:
        content.append({"type": "input_text", "text": item.text})
    return shown | {"role": item.role, "content": content}


def item_from_json(data: Any) -> Item:
    """Return the item that a client wants to add. Raises BadRequestError."""
    if not isinstance(data, Mapping):
        raise BadRequestError("item must be an object.")
    item_id = data.get("id") or new_id("item")
    if not isinstance(item_id, str) or len(item_id) > 64:
        raise BadRequestError("item.id must be a text of at most 64 characters.")
    match data.get("type"):
        case "message":
            role = data.get("role")
            if role not in _ROLES:
                raise BadRequestError(f"item.role must be one of {', '.join(_ROLES)}.")
            text = "\n".join(_text_of(part) for part in data.get("content") or ())
            return Item(item_id, role=role, text=text, whole_text=text)
        case "function_call":
            return Item(
                item_id,
                kind="function_call",
                role="assistant",
                name=str(data.get("name", "")),
                call_id=str(data.get("call_id", "")),
                arguments=str(data.get("arguments", "")),
            )
        case "function_call_output":
            return Item(
                item_id,
                kind="function_call_output",
                call_id=str(data.get("call_id", "")),
                output=str(data.get("output", "")),
            )
        case other:
            raise BadRequestError(f"item.type {shorten(str(other))!r} is not supported.")


def _text_of(part: Any) -> str:
    match part:
        case {"type": "input_text" | "output_text" | "text", "text": str(text)}:
            return text
        case {"type": "input_audio" | "output_audio", "transcript": str(text)}:
            return text
        case {"type": "input_audio"}:
            raise BadRequestError(
                "Audio is not accepted in an item.",
                hint="Send it with input_audio_buffer.append and input_audio_buffer.commit.",
            )
    kind = part.get("type") if isinstance(part, Mapping) else part
    raise BadRequestError(f"Content of type {shorten(str(kind))!r} is not supported.")


def answer_to_json(answer: Answer) -> dict[str, Any]:
    """Return an answer as a client sees it."""
    details: dict[str, Any] | None = None
    if answer.status in ("cancelled", "incomplete"):
        details = {"type": answer.status, "reason": answer.reason}
    elif answer.error is not None:
        details = {
            "type": "failed",
            "error": {
                "type": "server_error",
                "code": answer.error.code,
                "message": str(answer.error),
            },
        }
    return {
        "id": answer.id,
        "object": "realtime.response",
        "status": answer.status,
        "status_details": details,
        "output": [item_to_json(item) for item in answer.items],
        "output_modalities": ["audio" if answer.settings.is_spoken else "text"],
        "metadata": answer.metadata,
        "usage": None,
    }
