"""Removes from written text what is not spoken: markup, URLs of links, emoji, control characters.

Numbers, units, dates and abbreviations are left to `normalize`. Language models write Markdown and
HTML, which voices would read out.
"""

import html
import re
import unicodedata
from typing import Final

_TAGS: Final = (
    "speak|p|s|break|prosody|say-as|phoneme|sub|voice|emphasis|lang|mark|audio|w|par|seq|media|desc"
    "|amazon:[a-z-]+|mstts:[a-z-]+|google:[a-z-]+"
    "|b|i|u|em|strong|br|span|div|a|code|pre|li|ul|ol|h[1-6]|small|sup"
)
_TAG: Final = re.compile(
    rf"</?(?:{_TAGS})(?:\s[^<>]{{0,500}})?/?>|<!--.{{0,500}}?-->|<\?xml[^<>]{{0,200}}>",
    re.IGNORECASE,
)
"""Known tags only: `a < b` and `<unknown>` are text."""

_ENTITY: Final = re.compile(r"&(?:[a-z]{2,8}|#\d{1,7}|#x[0-9a-f]{1,6});", re.IGNORECASE)
_FENCE: Final = re.compile(r"^[ \t]*(?:```|~~~)[\w+-]*[ \t]*$", re.MULTILINE)
_IMAGE_OR_LINK: Final = re.compile(r"!?\[([^\[\]]{0,500})\]\([^()\s]{0,2000}(?:\s\"[^\"]*\")?\)")
_LINE_MARK: Final = re.compile(
    r"^[ \t]*(?:#{1,6}[ \t]+|>[ \t]?|[-*+•][ \t]+|[-*_]{3,}[ \t]*$)", re.MULTILINE
)
_STRONG: Final = re.compile(r"\*{2,3}|_{2,3}(?=\w)|(?<=\w)_{2,3}|~~|`+")
_EMPHASIS: Final = re.compile(
    r"(?<![\w*])\*(?=\S)|(?<=\S)\*(?![\w*])|(?<!\w)_(?=\w)|(?<=\w)_(?!\w)"
)
_PRODUCT: Final = re.compile(r"(?<=\d)\*{1,2}(?=\d)")

_EMOJI: Final = re.compile(
    "["
    "\U0001f000-\U0001faff"  # pictures, faces, flags, skin tones
    "\u2600-\u27bf"  # signs and dingbats
    "\u2b00-\u2bff\u2300-\u23ff\u25a0-\u25ff"  # stars, clocks, shapes
    "\u3030\u303d\u3297\u3299"
    "\ufe0e\ufe0f\u20e3\U000e0020-\U000e007f"  # variants, keycaps and tags of the above
    "]"
)
_JOINED: Final = re.compile(rf"(?<={_EMOJI.pattern})\u200d|\u200d(?={_EMOJI.pattern})")
"""The joiner inside an emoji sequence; elsewhere it shapes Indic and Arabic letters."""

_INVISIBLE: Final = frozenset("\u00ad\u200b\u2060\ufeff\u200e\u200f")
"""Soft hyphen, zero-width space, byte order mark, direction marks."""

_SPACES: Final = re.compile(r"\s+")


def strip_markup(text: str) -> str:
    """Return the text without markup, on one line; may be empty.

    Works on a whole text and on a segment of it: markup whose other half is in another segment is
    removed too.
    """
    text = _FENCE.sub(" ", text)
    text = _IMAGE_OR_LINK.sub(r"\1", text)
    text = _TAG.sub(" ", text)
    text = _ENTITY.sub(lambda entity: html.unescape(entity[0]), text)
    text = _LINE_MARK.sub("", text)
    text = _STRONG.sub("", _PRODUCT.sub("×", text))
    text = _EMPHASIS.sub("", text)
    text = _EMOJI.sub(" ", _JOINED.sub("", text))
    text = "".join(_visible(character) for character in text)
    return _SPACES.sub(" ", text).strip()


def is_speakable(text: str) -> bool:
    """Return whether the text has a letter or a digit; punctuation alone makes no sound."""
    return any(character.isalnum() for character in text)


def _visible(character: str) -> str:
    if character in _INVISIBLE:
        return ""
    # Control characters may separate words; surrogates and private-use ones mean nothing.
    return " " if unicodedata.category(character) in ("Cc", "Cs", "Co", "Cn") else character
