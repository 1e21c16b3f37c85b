"""One table per language: how numbers, units, money, dates, times and abbreviations are read.

To add a language, write a module with a `LanguageRules` and list it in `_BY_CODE`.
"""

from collections.abc import Mapping
from typing import Final

from wyoming_servers.text.normalize.rules.de import GERMAN
from wyoming_servers.text.normalize.rules.en import AMERICAN, ENGLISH
from wyoming_servers.text.normalize.rules.es import SPANISH
from wyoming_servers.text.normalize.rules.fr import FRENCH
from wyoming_servers.text.normalize.rules.it import ITALIAN
from wyoming_servers.text.normalize.rules.language_rules import LanguageRules
from wyoming_servers.text.normalize.rules.nl import DUTCH

_BY_CODE: Final[Mapping[str, LanguageRules]] = {
    "en": ENGLISH,
    "en-us": AMERICAN,
    "de": GERMAN,
    "fr": FRENCH,
    "es": SPANISH,
    "it": ITALIAN,
    "nl": DUTCH,
}

ALL_RULES: Final = tuple(_BY_CODE.values())
"""The rules of all languages."""


def rules_for(language: str) -> LanguageRules | None:
    """Return the rules for a BCP 47 code: of its region, else of its language, else None."""
    code = language.replace("_", "-").lower()
    return _BY_CODE.get(code) or _BY_CODE.get(code.partition("-")[0])
