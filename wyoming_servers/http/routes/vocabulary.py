"""`/vocabulary`: names that speech-to-text should recognize, such as those of devices and rooms."""

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from wyoming_servers.core.clock import iso_timestamp
from wyoming_servers.core.errors import InternalError
from wyoming_servers.http.context import ApiContext, Context
from wyoming_servers.http.problems import PROBLEM_RESPONSES
from wyoming_servers.text.vocabulary import MAX_CHARACTERS, MAX_ENTRIES, Vocabulary

router = APIRouter(tags=["vocabulary"], responses={**PROBLEM_RESPONSES})


class VocabularyRequest(BaseModel):
    """The new vocabulary."""

    names: list[str] = Field(
        default_factory=list,
        description="Names of devices, rooms and people, most important first; at most "
        f"{MAX_ENTRIES}.",
        examples=[["Reolink Doorbell", "Zigbee Hub"]],
    )
    terms: list[str] = Field(
        default_factory=list,
        description=f"Other expected words; at most {MAX_CHARACTERS} characters each.",
        examples=[["scullery"]],
    )


class VocabularyResponse(BaseModel):
    """The current vocabulary."""

    names: list[str]
    terms: list[str] = Field(description="Words that are also names are left out.")
    names_count: int
    terms_count: int
    updated_at: str | None = Field(
        description="Time of the last change (ISO 8601, UTC); null if never set."
    )


class VocabularyRemovalResponse(BaseModel):
    """Result of a removal."""

    status: Literal["deleted"] = "deleted"


@router.get("/vocabulary", summary="Show the vocabulary")
async def get_vocabulary(context: Context) -> VocabularyResponse:
    return _response(_require_vocabulary(context))


@router.put("/vocabulary", summary="Replace the vocabulary")
async def put_vocabulary(context: Context, body: VocabularyRequest) -> VocabularyResponse:
    """Takes effect for the next utterance and is kept across restarts.

    Duplicates are removed, ignoring case. Each model uses as many words as fit into its prompt,
    names first; distilled Whisper models use none.
    """
    vocabulary = _require_vocabulary(context)
    await vocabulary.put(body.names, body.terms)
    return _response(vocabulary)


@router.delete("/vocabulary", summary="Clear the vocabulary")
async def delete_vocabulary(context: Context) -> VocabularyRemovalResponse:
    await _require_vocabulary(context).clear()
    return VocabularyRemovalResponse()


def _response(vocabulary: Vocabulary) -> VocabularyResponse:
    updated = vocabulary.updated_at
    return VocabularyResponse(
        names=list(vocabulary.names),
        terms=list(vocabulary.terms),
        names_count=len(vocabulary.names),
        terms_count=len(vocabulary.terms),
        updated_at=None if updated is None else iso_timestamp(updated),
    )


def _require_vocabulary(context: ApiContext) -> Vocabulary:
    if context.vocabulary is None:
        raise InternalError("The vocabulary routes exist without a vocabulary.")
    return context.vocabulary
