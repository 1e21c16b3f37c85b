"""`/lexicon`: pronunciation of names and foreign words."""

from typing import Annotated, Literal, Self

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field, model_validator

from wyoming_servers.core.errors import (
    InternalError,
    NotFoundError,
)
from wyoming_servers.http.context import (
    ApiContext,
    Context,
)
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
    def said(self) -> str:
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
async def show(context: Context) -> LexiconResponse:
    lexicon = _lexicon(context)
    return _view(lexicon, lexicon.entries)


@router.get(
    "/lexicon/{language}", summary="List the words of a language", response_model_exclude_none=True
)
async def show_language(context: Context, language: Language) -> LexiconResponse:
    """Words for all languages (`*`) and for regions of the language are not included."""
    lexicon = _lexicon(context)
    return _view(lexicon, lexicon.section(language))


@router.get(
    "/lexicon/{language}/{word:path}", summary="Show a word", response_model_exclude_none=True
)
async def show_word(context: Context, language: Language, word: Word) -> LexiconEntryResponse:
    found = _lexicon(context).find(language, word)
    if found is None:
        raise _unknown(language, word)
    return _word(*found)


@router.put(
    "/lexicon/{language}/{word:path}",
    summary="Set the pronunciation of a word",
    response_model_exclude_none=True,
)
async def put(
    context: Context, language: Language, word: Word, pronunciation: PronunciationRequest
) -> LexiconEntryResponse:
    """Takes effect for the next text and is kept across restarts; cached phrases that contain the
    word are synthesized again. Answers 409 while the lexicon file has an error. Comments in the
    file are lost.
    """
    said = pronunciation.said
    await _lexicon(context).put(language, word, said)
    return _word(language, word, said)


@router.delete("/lexicon/{language}", summary="Remove the words of a language")
async def remove_language(context: Context, language: Language) -> LexiconRemovalResponse:
    return LexiconRemovalResponse(words=await _lexicon(context).remove(language))


@router.delete("/lexicon/{language}/{word:path}", summary="Remove a word")
async def remove(context: Context, language: Language, word: Word) -> LexiconRemovalResponse:
    removed = await _lexicon(context).remove(language, word)
    if not removed:
        raise _unknown(language, word)
    return LexiconRemovalResponse(words=removed)


def _view(lexicon: Lexicon, words: LexiconEntries) -> LexiconResponse:
    listed = [
        _word(language, word, said)
        for language, entries in words.items()
        for word, said in entries.items()
    ]
    return LexiconResponse(version=lexicon.version, fault=lexicon.error or None, words=listed)


def _word(language: str, word: str, said: str) -> LexiconEntryResponse:
    if len(said) > 2 and said[0] == said[-1] == "/":
        return LexiconEntryResponse(language=language, word=word, ipa=said[1:-1].strip())
    return LexiconEntryResponse(language=language, word=word, respelling=said)


def _unknown(language: str, word: str) -> NotFoundError:
    return NotFoundError(
        f"The lexicon has no {word[:60]!r} in {language[:20]!r}.",
        hint="GET /lexicon lists all words.",
    )


def _lexicon(context: ApiContext) -> Lexicon:
    if context.tts is None or context.tts.lexicon is None:
        raise InternalError("The lexicon routes exist without a lexicon.")
    return context.tts.lexicon
