"""One table per language: how numbers, units, money, dates, times and abbreviations are read.

To add a language, write a module with a `LanguageRules` and list it in `RULES_BY_CODE`.
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

RULES_BY_CODE: Final[Mapping[str, LanguageRules]] = {
    "en": ENGLISH,
    "en-us": AMERICAN,
    "de": GERMAN,
    "fr": FRENCH,
    "es": SPANISH,
    "it": ITALIAN,
    "nl": DUTCH,
}
"""Rules by BCP 47 code, in lower case."""
