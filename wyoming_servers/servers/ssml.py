"""Speech markup reduced to its text: no voice here understands more of it than pauses."""

from html.parser import HTMLParser
from typing import Final

from wyoming_servers.errors import BadRequestError

_SENTENCES: Final = frozenset({"p", "s", "speak"})
"""Elements that end what is said before them."""


class SsmlText(HTMLParser):
    """SSML in pieces of any length in, plain text out; what is malformed is taken for text."""

    def __init__(self, limit: int) -> None:
        super().__init__(convert_charrefs=True)
        self._left = limit
        """Characters of markup that may still come; the parser is slow where tags never end."""
        self._words: list[str] = []

    def text(self, markup: str, *, complete: bool = False) -> str:
        """Return the text that is certain now; all the rest when the markup is complete.

        Raises BadRequestError if all of the markup is over the limit.
        """
        self._left -= len(markup)
        if self._left < 0:
            raise BadRequestError("The SSML is too long.", hint="Send it in several requests.")
        self.feed(markup)
        if complete:
            self.close()
        text = "".join(self._words)
        self._words.clear()
        return text

    def handle_data(self, data: str) -> None:
        self._words.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "break":
            self._words.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag in _SENTENCES:
            self._words.append("\n\n")
