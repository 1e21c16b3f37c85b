"""Agent with one answer, streamed at the speed of a small language model."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Literal

from homeassistant.components import conversation
from homeassistant.config_entries import ConfigEntry
from homeassistant.core import HomeAssistant
from homeassistant.helpers.entity_platform import AddConfigEntryEntitiesCallback

ANSWER = (
    "The kitchen light is already on. The evening routine switched it on twelve minutes ago. "
    "It is twenty one degrees in the living room, and the front door is locked. "
    "Would you like me to turn anything else on?"
)
"""Long enough to be streamed by Home Assistant, which starts after 60 characters."""

WORD_SECONDS = 0.05


async def async_setup_entry(
    hass: HomeAssistant, entry: ConfigEntry, async_add_entities: AddConfigEntryEntitiesCallback
) -> None:
    """Add the agent."""
    async_add_entities([WordByWordAgent(entry.entry_id)])


class WordByWordAgent(conversation.ConversationEntity):
    """Gives the same answer to everything."""

    _attr_name = "Word by word"
    _attr_supports_streaming = True

    def __init__(self, unique_id: str) -> None:
        """Set the unique id."""
        self._attr_unique_id = unique_id

    @property
    def supported_languages(self) -> list[str] | Literal["*"]:
        """Support all languages."""
        return "*"

    async def _async_handle_message(
        self, user_input: conversation.ConversationInput, chat_log: conversation.ChatLog
    ) -> conversation.ConversationResult:
        """Stream the answer into the chat log."""
        async for _content in chat_log.async_add_delta_content_stream(self.entity_id, _words()):
            pass  # stored in the chat log
        return conversation.async_get_result_from_chat_log(user_input, chat_log)


async def _words() -> AsyncGenerator[conversation.AssistantContentDeltaDict]:
    yield {"role": "assistant"}
    for index, word in enumerate(ANSWER.split()):
        yield {"content": word if index == 0 else f" {word}"}
        await asyncio.sleep(WORD_SECONDS)
