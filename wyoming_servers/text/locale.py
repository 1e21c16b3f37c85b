"""Parses and matches language codes as clients, voices and models spell them.

Home Assistant sends `zh-CN`, Piper's voices have `de_DE`, and Whisper uses `no`, `he` and `jw`.

Written by hand: langcodes (CLDR) matches languages that many of its speakers know, so that a
request for Ukrainian would be answered by a Russian model, Catalan or Basque by a Spanish one and
Welsh by an English one; it does not match Cantonese to Chinese, and raises for codes such as
`de_DE.UTF-8`. It would add 12 MB of memory and 36 ms to the start.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

_ALIASES: Final[Mapping[str, str]] = {
    # Old, narrower and three-letter codes, with the code that models use for the language.
    "cmn": "zh",
    "fil": "tl",
    "in": "id",
    "iw": "he",
    "ji": "yi",
    "jv": "jw",
    "mo": "ro",
    "nb": "no",
    "ara": "ar",
    "ces": "cs",
    "chi": "zh",
    "cze": "cs",
    "dan": "da",
    "deu": "de",
    "dut": "nl",
    "ell": "el",
    "eng": "en",
    "fin": "fi",
    "fra": "fr",
    "fre": "fr",
    "ger": "de",
    "gre": "el",
    "heb": "he",
    "hin": "hi",
    "hun": "hu",
    "ind": "id",
    "ita": "it",
    "jpn": "ja",
    "kor": "ko",
    "nld": "nl",
    "nno": "nn",
    "nob": "no",
    "nor": "no",
    "pol": "pl",
    "por": "pt",
    "ron": "ro",
    "rum": "ro",
    "rus": "ru",
    "spa": "es",
    "swe": "sv",
    "tha": "th",
    "tur": "tr",
    "ukr": "uk",
    "vie": "vi",
    "zho": "zh",
}

_FALLBACKS: Final[Mapping[str, str]] = {"nn": "no", "yue": "zh"}
"""The language to use where the first is not offered, since its speakers understand it."""

_IMPLIED_SCRIPT: Final[Mapping[str, str]] = {
    "zh-cn": "hans",
    "zh-sg": "hans",
    "zh-tw": "hant",
    "zh-hk": "hant",
    "zh-mo": "hant",
}

_AUTO: Final = frozenset({"", "auto", "und", "mul", "*"})
"""Codes that request no particular language."""


@dataclass(frozen=True, slots=True)
class LanguageTag:
    """The parts of a language code, in lower case; empty if missing."""

    language: str
    script: str = ""
    region: str = ""


def parse_tag(code: str) -> LanguageTag:
    """Parse `zh_Hant-TW`, `EN`, `de_DE.UTF-8` or `nb-NO`; aliases become the usual code."""
    parts = code.strip().partition(".")[0].replace("_", "-").lower().split("-")
    script = next((part for part in parts[1:] if len(part) == 4 and part.isalpha()), "")
    region = next(
        (part for part in parts[1:] if len(part) == 2 or (len(part) == 3 and part.isdigit())), ""
    )
    language = _ALIASES.get(parts[0], parts[0])
    if language == "zh" and (region == "hk" or "yue" in parts[1:]):
        language = "yue"
    script = script or _IMPLIED_SCRIPT.get(f"zh-{region}" if language == "yue" else "", "")
    script = script or _IMPLIED_SCRIPT.get(f"{language}-{region}", "")
    return LanguageTag(language, script, region)


def is_auto(code: str | None) -> bool:
    """Return whether no particular language is requested: None, empty or `auto`."""
    return code is None or code.strip().lower() in _AUTO


def canonical_tag(code: str) -> str:
    """Return a code in the spelling of BCP 47, keeping its language: `de_de` gives `de-DE`."""
    parts = code.strip().partition(".")[0].replace("_", "-").split("-")
    return "-".join(
        [parts[0].lower()]
        + [part.title() if len(part) == 4 else part.upper() for part in parts[1:] if part]
    )


def best_match(requested: str, offered: Iterable[str]) -> str | None:
    """Return the offered code that matches a request best, as spelled in the offer, or None.

    1. The same language: the same script first, then the same region; an offer without script or
       region is preferred to another one. Between equals, the first offer.
    2. A language that its speakers understand (`no` for `nn`, `zh` for Cantonese).
    """
    request = parse_tag(requested)
    tags = [(code, parse_tag(code)) for code in offered]
    for language in (request.language, _FALLBACKS.get(request.language)):
        best: tuple[tuple[int, ...], str] | None = None
        for code, tag in tags:
            if tag.language != language:
                continue
            rank = (
                _agreement(request.script, tag.script),
                _agreement(request.region, tag.region),
            )
            if best is None or rank > best[0]:
                best = (rank, code)
        if best is not None:
            return best[1]
    return None


def _agreement(requested: str, offered: str) -> int:
    """Return 2 for the same part, 1 if the offer has none, 0 for a different one."""
    if offered == requested:
        return 2
    return 1 if not offered else 0
