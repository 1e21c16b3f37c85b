"""Verbalizes web, e-mail and IP addresses and version numbers."""

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
"""A word with a full stop inside is an address only with one of these or with a scheme."""

_DOTTED: Final = re.compile(
    r"(?<![\w.,])(https?://)?(v?)(\d+(?:\.\d+){2,})(?::\d+)?(?(1)(?:/[^\s,;!?]*)?)(?![\w]|[.,]\d)"
)
_VERSION: Final = re.compile(r"(?<![\w.,])v(\d+(?:\.\d+)*)(?![\w]|[.,]\d)")

_MAX_PATH_CHARACTERS: Final = 20
"""Longer paths are not read: nobody types them from hearing."""

_IP_GROUPS: Final = 4
_IP_HIGHEST: Final = 255


class AddressVerbalizer:
    """Verbalizes addresses in one language."""

    def __init__(self, rules: LanguageRules, numbers: NumberVerbalizer) -> None:
        self._rules = rules
        self._numbers = numbers

    def verbalize(self, text: str) -> str:
        """Return a text with addresses and versions as words."""
        text = _MAIL.sub(self._mail, text)
        text = _DOTTED.sub(self._groups, text)
        text = _WEB.sub(self._web, text)
        return _VERSION.sub(
            lambda match: f"{self._rules.version_word} {self._spoken(match[1])}", text
        )

    def _mail(self, match: re.Match[str]) -> str:
        return f"{self._dotted(match[1])} {self._rules.at_word} {self._dotted(match[2])}"

    def _web(self, match: re.Match[str]) -> str:
        given = match[0].lower().startswith(("http", "www"))
        if not given and match["host"].rpartition(".")[2].lower() not in _TOP_LEVEL_DOMAINS:
            return match[0]
        path = (match["path"] or "").rstrip("/.")
        words = [self._dotted(match["host"])]
        if path and len(path) <= _MAX_PATH_CHARACTERS and path.isascii() and "?" not in path:
            words += [f"{self._rules.slash_word} {part}" for part in path.strip("/").split("/")]
        return " ".join(words)

    def _groups(self, match: re.Match[str]) -> str:
        """Verbalize `192.168.1.10` and `1.10.2`, but not `1.000.000` or a date."""
        groups = match[3].split(".")
        is_ip = len(groups) == _IP_GROUPS and all(int(part) <= _IP_HIGHEST for part in groups)
        thousands = "." in self._rules.group_marks and all(len(part) == 3 for part in groups[1:])
        is_date = len(groups) == 3 and len(groups[2]) == 4  # 12.5.2026
        if not is_ip and (thousands or is_date):
            return match[0]
        version = f"{self._rules.version_word} " if match[2] else ""
        return version + self._spoken(match[3])

    def _spoken(self, groups: str) -> str:
        return f" {self._rules.dot_word} ".join(map(self._numbers.group, groups.split(".")))

    def _dotted(self, text: str) -> str:
        return text.replace(".", f" {self._rules.dot_word} ")
