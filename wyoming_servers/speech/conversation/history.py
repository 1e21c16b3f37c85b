"""The items of a conversation, bounded, with what was played of each answer."""

import itertools
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from wyoming_servers.core.errors import BadRequestError, NotFoundError, shorten
from wyoming_servers.speech.tts.synthesis import SpokenSegment

MAX_ITEMS: Final = 500
"""Items of one conversation, whatever their length."""

_CHARACTERS_PER_SECOND: Final = 15.0
"""Rate of speech, for a segment whose audio is not complete."""


@dataclass(slots=True)
class Item:
    """A message, a function call, or the output of one."""

    id: str
    kind: Literal["message", "function_call", "function_call_output"] = "message"
    role: Literal["user", "assistant", "system"] = "user"
    text: str = ""
    """Of a message; of an answer, what was played of it."""
    is_audio: bool = False
    """Whether it was spoken."""
    status: Literal["in_progress", "completed", "incomplete"] = "completed"
    name: str = ""
    """Name of the function."""
    call_id: str = ""
    arguments: str = ""
    """Of a function call, JSON."""
    output: str = ""
    """Of a function."""
    segments: Sequence[SpokenSegment] = ()
    """Of a spoken answer."""
    speaker: str = ""
    """Name of the enrolled speaker, if one was recognized."""
    is_truncated: bool = False
    """Whether `text` is only a part of an answer, and does not grow."""
    whole_text: str = ""
    """Of an answer, with what was not played."""

    def text_until(self, seconds: float) -> str:
        """Return the text of a spoken answer up to a position in its audio."""
        return played_text(self.whole_text or self.text, self.segments, seconds)


def played_text(text: str, segments: Sequence[SpokenSegment], seconds: float) -> str:
    """Return the words that were played up to `seconds`.

    Inside a segment, time is proportional to the characters, which is exact to about one word.
    """
    words: list[str] = []
    for segment in segments:
        if segment.start >= seconds:
            return " ".join(words)
        share = (seconds - segment.start) / max(0.001, segment.end - segment.start)
        words += _share_of(segment.text, share)
    if segments and seconds <= segments[-1].end:
        return " ".join(words)
    # The segment whose audio is not complete.
    spoken = len(" ".join(segment.text for segment in segments).split())
    rest = " ".join(text.split()[spoken:])
    begin = segments[-1].end if segments else 0.0
    if rest:
        words += _share_of(rest, (seconds - begin) * _CHARACTERS_PER_SECOND / len(rest))
    return " ".join(words)


def _share_of(text: str, share: float) -> list[str]:
    """Return the words of which more than half lies in a share (0 to 1) of the text."""
    words = text.split()
    total = sum(len(word) + 1 for word in words)
    limit, position = share * total, 0.0
    played = []
    for word in words:
        if position + len(word) / 2 > limit:
            break
        played.append(word)
        position += len(word) + 1
    return played


@dataclass(slots=True)
class History:
    """Items in order; the oldest are dropped when they become too long."""

    items: list[Item] = field(default_factory=list)
    summary: str = ""
    """Of the items that were dropped."""

    def __iter__(self) -> Iterator[Item]:
        return iter(self.items)

    def add(self, item: Item, after: str | None = None) -> str | None:
        """Add an item at the end, after another (`after`), or first (`root`).

        Returns the id of the item before it. Raises BadRequestError for an id that exists,
        NotFoundError for an unknown `after`.
        """
        if any(other.id == item.id for other in self.items):
            raise BadRequestError(f"The item {shorten(item.id)!r} exists already.")
        index = len(self.items)
        if after == "root":
            index = 0
        elif after is not None:
            index = self.items.index(self.get(after)) + 1
        self.items.insert(index, item)
        return self.items[index - 1].id if index else None

    def get(self, item_id: str) -> Item:
        """Return an item. Raises NotFoundError."""
        for item in self.items:
            if item.id == item_id:
                return item
        raise NotFoundError(f"The conversation has no item {shorten(item_id)!r}.")

    def delete(self, item_id: str) -> None:
        """Remove an item. Raises NotFoundError."""
        self.items.remove(self.get(item_id))

    def truncate(self, item_id: str, seconds: float) -> Item:
        """Keep of a spoken answer what was played until `seconds`.

        Raises NotFoundError, and BadRequestError for an item that is no spoken answer.
        """
        item = self.get(item_id)
        if item.role != "assistant" or not item.is_audio:
            raise BadRequestError("Only answers that are spoken can be truncated.")
        item.text = item.text_until(seconds)
        item.is_truncated = True
        item.status = "incomplete"
        return item

    def drop_oldest(self, max_characters: int) -> list[Item]:
        """Drop the oldest items until the rest is short enough; return them.

        The output of a function never stays without its call, and the last message stays.
        """
        sizes = [len(item.text) + len(item.arguments) + len(item.output) for item in self.items]
        total, count = sum(sizes), 0
        while count < len(self.items) - 1 and (
            total > max_characters
            or len(self.items) - count > MAX_ITEMS
            or (count and self.items[count].kind == "function_call_output")
        ):
            total -= sizes[count]
            count += 1
        dropped, self.items = self.items[:count], self.items[count:]
        return dropped

    def messages(self, instructions: str) -> list[dict[str, Any]]:
        """Return the conversation as messages of OpenAI's chat completions."""
        system = [instructions] if instructions else []
        users = (item for item in self.items if item.kind == "message" and item.role == "user")
        speaker = next((item.speaker for item in reversed(list(users))), "")
        if speaker:
            system.append(f"The user who speaks now is {speaker}.")
        if self.summary:
            system.append(f"Summary of the conversation so far: {self.summary}")
        messages: list[dict[str, Any]] = []
        if system:
            messages.append({"role": "system", "content": "\n\n".join(system)})
        for kind, items in itertools.groupby(self.items, lambda item: item.kind):
            if kind == "function_call":
                calls = [
                    {
                        "id": item.call_id,
                        "type": "function",
                        "function": {"name": item.name, "arguments": item.arguments},
                    }
                    for item in items
                ]
                messages.append({"role": "assistant", "content": None, "tool_calls": calls})
            elif kind == "function_call_output":
                messages += [
                    {"role": "tool", "tool_call_id": item.call_id, "content": item.output}
                    for item in items
                ]
            else:
                messages += [
                    {"role": item.role, "content": item.text} for item in items if item.text
                ]
        return messages


def new_id(prefix: str) -> str:
    """Return a new id, such as `item_5f…`."""
    return f"{prefix}_{secrets.token_hex(10)}"
