"""Language codes as clients write them, and which of the offered ones fits best.

Home Assistant sends `zh-CN`, Piper's voices say `de_DE`, Whisper knows `no`, `he` and `jw`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

_ALIASES: Final[Mapping[str, str]] = {
    # Old, narrower or longer codes, each with the one that the models use for the same speech.
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
"""Languages that a speaker of the first understands, where the first is not offered."""

_IMPLIED_SCRIPT: Final[Mapping[str, str]] = {
    "zh-cn": "hans",
    "zh-sg": "hans",
    "zh-tw": "hant",
    "zh-hk": "hant",
    "zh-mo": "hant",
}

_AUTO: Final = frozenset({"", "auto", "und", "mul", "*"})
"""Ways to say that no language is asked for."""


@dataclass(frozen=True, slots=True)
class LanguageTag:
    """A language code in parts, in lower case; empty where not given."""

    language: str
    script: str = ""
    region: str = ""


def parse_tag(code: str) -> LanguageTag:
    """Take `zh_Hant-TW`, `EN`, `de_DE.UTF-8` or `nb-NO` apart; the language in its usual code."""
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
    """Whether no language is asked for: None, empty or `auto`."""
    return code is None or code.strip().lower() in _AUTO


def canonical_tag(code: str) -> str:
    """Return a code as BCP 47 writes it, its language as given: `de_de` gives `de-DE`."""
    parts = code.strip().partition(".")[0].replace("_", "-").split("-")
    return "-".join(
        [parts[0].lower()]
        + [part.title() if len(part) == 4 else part.upper() for part in parts[1:] if part]
    )


def best_match(requested: str, offered: Iterable[str]) -> str | None:
    """Return the offered code that fits a request best, spelled as offered; None if none does.

    1. The same language with as many of script and region in common as possible; on a par the one
       without them, then the first.
    2. A language close to it (`nn` is served by `no`, Cantonese by `zh`).
    """
    wanted = parse_tag(requested)
    tags = [(code, parse_tag(code)) for code in offered]
    for language in (wanted.language, _FALLBACKS.get(wanted.language)):
        best: tuple[tuple[int, ...], str] | None = None
        for code, tag in tags:
            if tag.language != language:
                continue
            rank = (
                _agreement(wanted.script, tag.script),
                _agreement(wanted.region, tag.region),
            )
            if best is None or rank > best[0]:
                best = (rank, code)
        if best is not None:
            return best[1]
    return None


def _agreement(wanted: str, offered: str) -> int:
    """2 for the same, 1 where the offer is general, 0 for another."""
    if offered == wanted:
        return 2
    return 1 if not offered else 0
