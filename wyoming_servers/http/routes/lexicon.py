"""How names and foreign words are to be said."""

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
    str, Path(description="`en`, `de-AT`, or `*` for all.", examples=["en"], max_length=40)
]
Word = Annotated[str, Path(description="In any case.", examples=["Reolink"], max_length=200)]


class PronunciationRequest(BaseModel):
    """What is said: one of both."""

    respelling: str | None = Field(
        None, description="Other words or letters.", examples=["ree oh link"]
    )
    ipa: str | None = Field(
        None, description="Sounds in the International Phonetic Alphabet.", examples=["ˈriːoʊlɪŋk"]
    )

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.respelling is None) == (self.ipa is None):
            raise ValueError("give either `respelling` or `ipa`")
        return self

    @property
    def said(self) -> str:
        """As the lexicon has it."""
        return (
            f"/{(self.ipa or '').strip().strip('/')}/"
            if self.respelling is None
            else (self.respelling.strip())
        )


class LexiconEntryResponse(BaseModel):
    """One word; either `respelling` or `ipa` is there."""

    language: str
    word: str
    respelling: str | None = None
    ipa: str | None = None


class LexiconResponse(BaseModel):
    """All words."""

    version: str = Field(description="Changes when a word does.")
    fault: str | None = Field(
        None, description="What is wrong with the file, while the words read before hold."
    )
    words: list[LexiconEntryResponse]


class LexiconRemovalResponse(BaseModel):
    """What was taken out."""

    status: Literal["deleted"] = "deleted"
    words: int


@router.get("/lexicon", summary="All words", response_model_exclude_none=True)
async def show(context: Context) -> LexiconResponse:
    lexicon = _lexicon(context)
    return _view(lexicon, lexicon.entries)


@router.get("/lexicon/{language}", summary="A language's words", response_model_exclude_none=True)
async def show_language(context: Context, language: Language) -> LexiconResponse:
    """Without the words for all languages and those of its regions."""
    lexicon = _lexicon(context)
    return _view(lexicon, lexicon.section(language))


@router.get("/lexicon/{language}/{word:path}", summary="One word", response_model_exclude_none=True)
async def show_word(context: Context, language: Language, word: Word) -> LexiconEntryResponse:
    found = _lexicon(context).find(language, word)
    if found is None:
        raise _unknown(language, word)
    return _word(*found)


@router.put(
    "/lexicon/{language}/{word:path}",
    summary="Say how a word is said",
    response_model_exclude_none=True,
)
async def put(
    context: Context, language: Language, word: Word, pronunciation: PronunciationRequest
) -> LexiconEntryResponse:
    """It holds from the next text on, and over restarts; phrases kept with it are made anew.

    409 while the file has a fault. Comments in the file are lost.
    """
    said = pronunciation.said
    await _lexicon(context).put(language, word, said)
    return _word(language, word, said)


@router.delete("/lexicon/{language}", summary="Forget a language's words")
async def remove_language(context: Context, language: Language) -> LexiconRemovalResponse:
    return LexiconRemovalResponse(words=await _lexicon(context).remove(language))


@router.delete("/lexicon/{language}/{word:path}", summary="Forget a word")
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
        hint="GET /lexicon lists the words there are.",
    )


def _lexicon(context: ApiContext) -> Lexicon:
    if context.tts is None or context.tts.lexicon is None:
        raise InternalError("The lexicon is routed but not served.")
    return context.tts.lexicon
