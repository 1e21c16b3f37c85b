"""What things are called in this home: told once, known in every utterance."""

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from wyoming_servers.core.errors import InternalError
from wyoming_servers.http import schemas
from wyoming_servers.http.context import (
    ApiContext,
    Context,
)
from wyoming_servers.http.problems import PROBLEM_RESPONSES
from wyoming_servers.text.vocabulary import (
    MAX_CHARACTERS,
    MAX_ENTRIES,
    Vocabulary,
)

router = APIRouter(tags=["vocabulary"], responses={**PROBLEM_RESPONSES})


class VocabularyRequest(BaseModel):
    """The words to know from now on."""

    names: list[str] = Field(
        default_factory=list,
        description=f"Devices, rooms, people; most important first, {MAX_ENTRIES} at most.",
        examples=[["Reolink Doorbell", "Zigbee Hub"]],
    )
    terms: list[str] = Field(
        default_factory=list,
        description=f"Other words that may occur; {MAX_CHARACTERS} characters each at most.",
        examples=[["scullery"]],
    )


class VocabularyResponse(BaseModel):
    """The words that are known."""

    names: list[str]
    terms: list[str] = Field(description="Without those that are names too.")
    names_count: int
    terms_count: int
    updated_at: str | None = Field(description="When it was set (ISO 8601, UTC); null: never.")


class VocabularyRemovalResponse(BaseModel):
    """What forgetting it led to."""

    status: Literal["deleted"] = "deleted"


@router.get("/vocabulary", summary="The words that are known")
async def show(context: Context) -> VocabularyResponse:
    return _view(_vocabulary(context))


@router.put("/vocabulary", summary="Replace the words that are known")
async def put(context: Context, wanted: VocabularyRequest) -> VocabularyResponse:
    """They hold from the next utterance on, and over restarts.

    Repetitions go, in whatever case. A model takes as many as it can be told, names first; a
    distilled one takes none.
    """
    vocabulary = _vocabulary(context)
    await vocabulary.put(wanted.names, wanted.terms)
    return _view(vocabulary)


@router.delete("/vocabulary", summary="Forget the words")
async def forget(context: Context) -> VocabularyRemovalResponse:
    await _vocabulary(context).clear()
    return VocabularyRemovalResponse()


def _view(vocabulary: Vocabulary) -> VocabularyResponse:
    updated = vocabulary.updated_at
    return VocabularyResponse(
        names=list(vocabulary.names),
        terms=list(vocabulary.terms),
        names_count=len(vocabulary.names),
        terms_count=len(vocabulary.terms),
        updated_at=None if updated is None else schemas.iso_timestamp(updated),
    )


def _vocabulary(context: ApiContext) -> Vocabulary:
    if context.vocabulary is None:
        raise InternalError("The vocabulary is routed but not kept.")
    return context.vocabulary
