"""`/lexicon`: pronunciation of names and foreign words."""

from typing import Annotated, Literal, Self

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field, model_validator

from wyoming_servers.core.errors import InternalError, NotFoundError
from wyoming_servers.http.context import ApiContext, Context
from wyoming_servers.http.problems import PROBLEM_RESPONSES
from wyoming_servers.text.lexicon import Lexicon, LexiconEntries

router = APIRouter(tags=["lexicon"], responses={**PROBLEM_RESPONSES})

Language = Annotated[
    str,
    Path(
        description="Language such as `en` or `de-AT`, or `*` for all languages.",
        examples=["en"],
        max_length=40,
    ),
]
Word = Annotated[
    str,
    Path(
        description="The word; upper and lower case are equal.",
        examples=["Reolink"],
        max_length=200,
    ),
]


class PronunciationRequest(BaseModel):
    """Pronunciation of a word: either a respelling or IPA."""

    respelling: str | None = Field(
        None, description="Spelling that the voice reads correctly.", examples=["ree oh link"]
    )
    ipa: str | None = Field(
        None,
        description="Pronunciation in the International Phonetic Alphabet.",
        examples=["ˈriːoʊlɪŋk"],
    )

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.respelling is None) == (self.ipa is None):
            raise ValueError("Give either `respelling` or `ipa`")
        return self

    @property
    def pronunciation(self) -> str:
        """The pronunciation in the notation of the lexicon file."""
        return (
            f"/{(self.ipa or '').strip().strip('/')}/"
            if self.respelling is None
            else (self.respelling.strip())
        )


class LexiconEntryResponse(BaseModel):
    """One word with either `respelling` or `ipa`."""

    language: str
    word: str
    respelling: str | None = None
    ipa: str | None = None


class LexiconResponse(BaseModel):
    """Words of the lexicon."""

    version: str = Field(description="Changes whenever a word changes.")
    fault: str | None = Field(
        None,
        description="Error in the lexicon file; the last valid version stays in use meanwhile.",
    )
    words: list[LexiconEntryResponse]


class LexiconRemovalResponse(BaseModel):
    """Result of a removal."""

    status: Literal["deleted"] = "deleted"
    words: int


@router.get("/lexicon", summary="List all words", response_model_exclude_none=True)
async def get_lexicon(context: Context) -> LexiconResponse:
    lexicon = _require_lexicon(context)
    return _response(lexicon, lexicon.entries)


@router.get(
    "/lexicon/{language}", summary="List the words of a language", response_model_exclude_none=True
)
async def get_language(context: Context, language: Language) -> LexiconResponse:
    """Words for all languages (`*`) and for regions of the language are not included."""
    lexicon = _require_lexicon(context)
    return _response(lexicon, lexicon.section(language))


@router.get(
    "/lexicon/{language}/{word:path}", summary="Show a word", response_model_exclude_none=True
)
async def get_word(context: Context, language: Language, word: Word) -> LexiconEntryResponse:
    found = _require_lexicon(context).find(language, word)
    if found is None:
        raise _not_found(language, word)
    return _entry_response(*found)


@router.put(
    "/lexicon/{language}/{word:path}",
    summary="Set the pronunciation of a word",
    response_model_exclude_none=True,
)
async def put_word(
    context: Context, language: Language, word: Word, body: PronunciationRequest
) -> LexiconEntryResponse:
    """Takes effect for the next text and is kept across restarts; cached phrases that contain the
    word are synthesized again. Answers 409 while the lexicon file has an error. Comments in the
    file are lost.
    """
    pronunciation = body.pronunciation
    await _require_lexicon(context).put(language, word, pronunciation)
    return _entry_response(language, word, pronunciation)


@router.delete("/lexicon/{language}", summary="Remove the words of a language")
async def delete_language(context: Context, language: Language) -> LexiconRemovalResponse:
    return LexiconRemovalResponse(words=await _require_lexicon(context).remove(language))


@router.delete("/lexicon/{language}/{word:path}", summary="Remove a word")
async def delete_word(context: Context, language: Language, word: Word) -> LexiconRemovalResponse:
    removed = await _require_lexicon(context).remove(language, word)
    if not removed:
        raise _not_found(language, word)
    return LexiconRemovalResponse(words=removed)


def _response(lexicon: Lexicon, words: LexiconEntries) -> LexiconResponse:
    listed = [
        _entry_response(language, word, pronunciation)
        for language, entries in words.items()
        for word, pronunciation in entries.items()
    ]
    return LexiconResponse(version=lexicon.version, fault=lexicon.error or None, words=listed)


def _entry_response(language: str, word: str, pronunciation: str) -> LexiconEntryResponse:
    if len(pronunciation) > 2 and pronunciation[0] == pronunciation[-1] == "/":
        return LexiconEntryResponse(language=language, word=word, ipa=pronunciation[1:-1].strip())
    return LexiconEntryResponse(language=language, word=word, respelling=pronunciation)


def _not_found(language: str, word: str) -> NotFoundError:
    return NotFoundError(
        f"The lexicon has no {word[:60]!r} in {language[:20]!r}.",
        hint="GET /lexicon lists all words.",
    )


def _require_lexicon(context: ApiContext) -> Lexicon:
    if context.tts is None or context.tts.lexicon is None:
        raise InternalError("The lexicon routes exist without a lexicon.")
    return context.tts.lexicon
