"""Language codes as clients write them (`en_US`, `zh-Hans-CN`) against those a model names."""

from collections.abc import Iterable, Mapping
from typing import Final

_SAME: Final[Mapping[str, str]] = {
    "cmn": "zh",
    "fil": "tl",
    "in": "id",
    "iw": "he",
    "ji": "yi",
    "nb": "no",
}
"""Old and narrower codes, each with the one that models use for the same speech."""


def normalize(code: str) -> str:
    """Return the code in BCP 47's separators and lower case: `de_DE` becomes `de-de`."""
    return code.strip().replace("_", "-").lower()


def primary(code: str) -> str:
    """Return the language without region and script, in its usual code: `nb-NO` gives `no`."""
    language = normalize(code).partition("-")[0]
    return _SAME.get(language, language)


def match(wanted: str, offered: Iterable[str]) -> str | None:
    """Return the offered code that fits best, spelled as offered; None if none fits.

    1. The same language and region. 2. The language alone. 3. The language in another region.
    """
    codes = list(offered)
    for code in codes:  # 1
        if normalize(code) == normalize(wanted):
            return code
    same = [code for code in codes if primary(code) == primary(wanted)]
    alone = [code for code in same if "-" not in normalize(code)]
    return next(iter(alone or same), None)  # 2, 3


def shorten(codes: Iterable[str], limit: int = 12) -> str:
    """List codes for a message to people, cut after `limit` of them."""
    known = sorted(set(codes))
    more = f" and {len(known) - limit} more" if len(known) > limit else ""
    return ", ".join(known[:limit]) + more
