"""Web and mail addresses, IP addresses and versions in words, where people would hear them."""

import re
from typing import Final

from wyoming_servers.text.normalize.numbers import NumberVerbalizer
from wyoming_servers.text.normalize.rules.language_rules import LanguageRules

_WEB: Final = re.compile(
    r"(?<![\w.-])(?:https?://)?(?:www\.)?(?P<host>(?:[a-z0-9-]+\.)+[a-z]{2,})(?::\d+)?(?P<path>/[^\s,;!?]*)?"
    r"(?<![.])",
    re.IGNORECASE,
)
_MAIL: Final = re.compile(r"(?<![\w.+-])([\w.+-]{1,64})@((?:[\w-]+\.)+[a-z]{2,})\b", re.IGNORECASE)
_TOP_LEVEL_DOMAINS: Final = frozenset(
    {"com", "org", "net", "io", "eu", "info", "dev", "app", "local"}
    | {"de", "fr", "es", "it", "nl", "uk", "at", "ch", "be", "us"}
)
"""A word with a full stop inside is an address only with one of these, or with its scheme."""

_DOTTED: Final = re.compile(
    r"(?<![\w.,])(https?://)?(v?)(\d+(?:\.\d+){2,})(?::\d+)?(?(1)(?:/[^\s,;!?]*)?)(?![\w]|[.,]\d)"
)
_VERSION: Final = re.compile(r"(?<![\w.,])v(\d+(?:\.\d+)*)(?![\w]|[.,]\d)")

_MAX_PATH_CHARACTERS: Final = 20
"""Characters; longer ones are noise, since nobody types what he hears."""

_IP_GROUPS: Final = 4
_IP_HIGHEST: Final = 255


class AddressVerbalizer:
    """Reads addresses in one language."""

    def __init__(self, rules: LanguageRules, numbers: NumberVerbalizer) -> None:
        self._rules = rules
        self._numbers = numbers

    def verbalize(self, text: str) -> str:
        """Return a text without addresses and versions in figures."""
        text = _MAIL.sub(self._mail, text)
        text = _DOTTED.sub(self._groups, text)
        text = _WEB.sub(self._web, text)
        return _VERSION.sub(lambda at: f"{self._rules.version} {self._spoken(at[1])}", text)

    def _mail(self, at: re.Match[str]) -> str:
        return f"{self._dotted(at[1])} {self._rules.at} {self._dotted(at[2])}"

    def _web(self, at: re.Match[str]) -> str:
        given = at[0].lower().startswith(("http", "www"))
        if not given and at["host"].rpartition(".")[2].lower() not in _TOP_LEVEL_DOMAINS:
            return at[0]
        path = (at["path"] or "").rstrip("/.")
        words = [self._dotted(at["host"])]
        if path and len(path) <= _MAX_PATH_CHARACTERS and path.isascii() and "?" not in path:
            words += [f"{self._rules.slash} {part}" for part in path.strip("/").split("/")]
        return " ".join(words)

    def _groups(self, at: re.Match[str]) -> str:
        """Read `192.168.1.10` and `1.10.2`; not `1.000.000`, nor a date."""
        groups = at[3].split(".")
        is_ip = len(groups) == _IP_GROUPS and all(int(part) <= _IP_HIGHEST for part in groups)
        thousands = "." in self._rules.thousands and all(len(part) == 3 for part in groups[1:])
        is_date = len(groups) == 3 and len(groups[2]) == 4  # 12.5.2026
        if not is_ip and (thousands or is_date):
            return at[0]
        version = f"{self._rules.version} " if at[2] else ""
        return version + self._spoken(at[3])

    def _spoken(self, groups: str) -> str:
        return f" {self._rules.dot} ".join(map(self._numbers.group, groups.split(".")))

    def _dotted(self, text: str) -> str:
        return text.replace(".", f" {self._rules.dot} ")
