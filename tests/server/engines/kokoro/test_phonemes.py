"""Text is converted to Kokoro's symbols; needs espeak-ng but no model."""

import sys
from types import SimpleNamespace

import pytest

from wyoming_servers.core.errors import (
    BadRequestError,
    LoadFailedError,
)
from wyoming_servers.engines.kokoro import phonemes
from wyoming_servers.engines.kokoro.phonemes import (
    MAX_SYMBOLS,
    SYMBOLS,
    Phonemizer,
    language_of,
    split_symbols,
)

pytest.importorskip("espeakng_loader")


@pytest.fixture(scope="module")
def phonemizer() -> Phonemizer:
    return Phonemizer()


@pytest.mark.parametrize(
    ("language", "text", "symbols"),
    [
        ("en-us", "Hello there, little one!", "həlˈO ðˈɛɹ, lˈɪTᵊl wˌʌn!"),
        ("en", "Go home.", "ɡˌQ hˈQm."),
        ("es", "Los coches.", "los kˈoʧes."),
        ("fr", "Bonjour, ça va ?", "bɔ̃ʒˈuʁ, sa vˈa?"),
        ("it", "La pizza.", "la pˈiʦːa."),
    ],
)
def test_language_is_converted_to_the_symbols_of_training(
    phonemizer: Phonemizer, language: str, text: str, symbols: str
) -> None:
    assert phonemizer.symbols(text, language) == symbols


def test_punctuation_is_kept_between_clauses(
    phonemizer: Phonemizer,
) -> None:
    symbols = phonemizer.symbols("Wait... (it is 2.5) “now”?", "en-us")
    assert symbols.count("(") == symbols.count(")") == 1
    assert "..." in symbols
    assert "pYnt" in symbols  # two point five
    assert symbols.endswith("”?")


def test_symbols_in_double_brackets_are_kept(phonemizer: Phonemizer) -> None:
    assert "kˈɪʧən" in phonemizer.symbols("the [[kˈɪʧən]] light", "en-us")


def test_language_flags_are_removed(phonemizer: Phonemizer) -> None:
    symbols = phonemizer.symbols("Le weekend est near.", "fr")
    assert "(" not in symbols
    assert all(symbol in SYMBOLS for symbol in symbols)


def test_text_without_words_has_no_symbols(phonemizer: Phonemizer) -> None:
    assert phonemizer.symbols("   ", "en-us") == ""


def test_missing_language_library_names_the_extra(
    phonemizer: Phonemizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(phonemes._MISAKI, "cmn", ("no.such_zh", "G2P"))  # type: ignore[index]
    with pytest.raises(LoadFailedError, match="not ready"):
        phonemizer.symbols("你好", "cmn")


def test_latin_words_in_chinese_are_converted_as_english(
    phonemizer: Phonemizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Reader:
        def __call__(self, text: str) -> tuple[str, None]:
            return "ni↓" * len(text), None

    monkeypatch.setitem(sys.modules, "a_zh", SimpleNamespace(ZHG2P=Reader))
    monkeypatch.setitem(phonemes._MISAKI, "xx", ("a_zh", "ZHG2P"))  # type: ignore[index]
    assert phonemizer.symbols("打开TV", "xx") == "ni↓ni↓ tˌivˈi"


def test_japanese_needs_no_unused_dependencies(
    phonemizer: Phonemizer,
) -> None:
    """As `pip install wyoming-conductor[kokoro-ja]` leaves it."""
    for module in ("misaki", "fugashi", "jaconv", "mojimoji", "unidic_lite"):
        pytest.importorskip(module)
    symbols = phonemizer.symbols("こんにちは、TVをつけて。", "ja")
    assert symbols.startswith("koɲɲiʨiβa, tˌivˈi o")


@pytest.mark.parametrize(
    ("voice", "language"), [("af_heart", "en-us"), ("bm_george", "en"), ("zf_xiaoni", "cmn")]
)
def test_language_follows_from_the_voice_name(voice: str, language: str) -> None:
    assert language_of(voice) == language


def test_unknown_voice_is_rejected() -> None:
    with pytest.raises(BadRequestError):
        language_of("xavier")


def test_long_symbols_are_split_after_sentences_clauses_or_words() -> None:
    sentence = "a" * 300 + ". " + "b" * 100 + ", " + "c" * 300
    assert [len(run) for run in split_symbols(sentence)] == [301, 402]
    clause = "a" * 300 + ", " + "b c" * 100
    assert split_symbols(clause)[0] == "a" * 300 + ","
    assert all(len(run) <= MAX_SYMBOLS for run in split_symbols("x" * 2_000))
    assert "".join(split_symbols("x" * 2_000)) == "x" * 2_000
