"""Reads formatted texts as paragraphs to speak: Markdown and EPUB.

Both are read with small parsers of the standard library that never fail on a fault in the markup:
the text of a book with faults is still to be spoken.
"""

import io
import posixpath
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Final
from urllib.parse import unquote

from wyoming_servers.core.errors import BadRequestError, TooLargeError
from wyoming_servers.text.normalize.normalizer import strip_markup

MAX_BOOK_TEXT_BYTES: Final = 64 * 1024 * 1024
"""Most bytes of all chapters of a book after decompression, with their markup."""

_MAX_CHAPTERS: Final = 5_000
_CONTAINER: Final = "META-INF/container.xml"

_COMPRESSION: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""What an EPUB may use (OCF, section 4.2); decoders of other methods are not for strangers."""

_DAMAGED: Final = (
    *(zipfile.BadZipFile, zlib.error, EOFError, KeyError, OSError, ValueError),
    RuntimeError,  # encrypted
)
"""What `zipfile` raises for damaged archives."""

_FENCE: Final = re.compile(r"^\s{0,3}(`{3,}|~{3,})")
_HEADING: Final = re.compile(r"^\s{0,3}#{1,6}\s+(.*?)\s*#*\s*$")
_UNDERLINE: Final = re.compile(r"^\s{0,3}(?:=+|-{2,})\s*$")
_RULE: Final = re.compile(r"^\s{0,3}(?:[-*_]\s*){3,}$")
_ITEM: Final = re.compile(r"^\s*(?:[-*+]|\d{1,9}[.)])\s+(?:\[[ xX]\]\s+)?")
_QUOTE: Final = re.compile(r"^\s{0,3}(?:>\s?)+")
_DEFINITION: Final = re.compile(r"^\s{0,3}\[[^\]\n]{1,200}\]:\s")
_TABLE_RULE: Final = re.compile(r"^\s*\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*$")
_COMMENT: Final = re.compile(r"<!--.*?-->", re.DOTALL)
_FRONT_MATTER: Final = re.compile(r"\A---[ \t]*\n.*?\n(?:---|\.\.\.)[ \t]*\n", re.DOTALL)

_BLOCKS: Final = frozenset(
    (
        *("address", "article", "aside", "blockquote", "body", "caption", "dd", "div", "dl", "dt"),
        *("figcaption", "figure", "footer", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr"),
        *("li", "main", "nav", "ol", "p", "pre", "section", "table", "td", "th", "tr", "ul"),
    )
)
_HEADINGS: Final = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_SILENT: Final = frozenset({"head", "script", "style", "svg", "math", "rt", "rp"})
"""Elements whose text is not spoken."""


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph or a heading, on one line and without markup."""

    text: str
    heading: bool = False


def read_markdown(text: str) -> list[Paragraph]:
    """Return the paragraphs of a text in Markdown, without code and tables of links."""
    text = _COMMENT.sub("", _FRONT_MATTER.sub("", text))
    return [
        Paragraph(spoken, heading)
        for block, heading in _markdown_blocks(text.split("\n"))
        if (spoken := strip_markup(block))
    ]


def _markdown_blocks(lines: list[str]) -> Iterator[tuple[str, bool]]:
    """Yield each block of lines and whether it is a heading."""
    block: list[str] = []
    fence = ""
    for raw in lines:
        line = _QUOTE.sub("", raw)
        if (mark := _FENCE.match(line)) and (not fence or mark[1].startswith(fence)):
            fence = "" if fence else mark[1]
            continue
        if fence or _DEFINITION.match(line):
            continue
        underlined = bool(block) and _UNDERLINE.match(line) is not None
        heading = _HEADING.match(line)
        item = _ITEM.match(line)
        ends = not line.strip() or heading or item or _RULE.match(line) or "|" in line
        if underlined or ends:
            if block:
                yield " ".join(block), underlined
            block = []
        if underlined or not line.strip() or _RULE.match(line) or _TABLE_RULE.match(line):
            continue
        if heading:
            yield heading[1], True
        elif item:
            block = [line[item.end() :].strip()]
        elif "|" in line:
            yield ", ".join(cell.strip() for cell in line.split("|") if cell.strip()), False
        else:
            block.append(line.strip())
    if block:
        yield " ".join(block), False


def read_epub(data: bytes) -> list[Paragraph]:
    """Return the paragraphs of a book in reading order, without its table of contents.

    Raises BadRequestError for a file that is no EPUB or is protected, TooLargeError.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as book:
            reader = _BookReader(book)
            return [paragraph for path in reader.chapters() for paragraph in reader.read(path)]
    except _DAMAGED as err:
        raise BadRequestError(
            f"The book cannot be read: {err}.", hint="Send an EPUB file without copy protection."
        ) from err


class _BookReader:
    """Reads the files of a book; the sum of their sizes is bounded."""

    def __init__(self, book: zipfile.ZipFile) -> None:
        self._book = book
        self._left = MAX_BOOK_TEXT_BYTES

    def chapters(self) -> list[str]:
        """Return the paths of all chapters in reading order."""
        container = _TagCollector()
        container.feed(self._text(_CONTAINER))
        package = next((tag["full-path"] for tag in container.named("rootfile", "full-path")), "")
        if not package:
            raise BadRequestError("The file is not an EPUB book: it names no contents.")
        contents = _TagCollector()
        contents.feed(self._text(package))
        files = {
            tag["id"]: tag["href"]
            for tag in contents.named("item", "id", "href")
            if "nav" not in tag.get("properties", "").split()
        }
        folder = posixpath.dirname(package)
        order = [
            posixpath.normpath(posixpath.join(folder, unquote(files[tag["idref"]])))
            for tag in contents.named("itemref", "idref")
            if tag["idref"] in files and tag.get("linear") != "no"
        ]
        if len(order) > _MAX_CHAPTERS:
            raise TooLargeError(f"The book has more than {_MAX_CHAPTERS} chapters.")
        return order

    def read(self, path: str) -> list[Paragraph]:
        """Return the paragraphs of a chapter."""
        parser = _ChapterParser()
        parser.feed(self._text(path))
        parser.close()
        return parser.finish()

    def _text(self, path: str) -> str:
        info = self._book.getinfo(path)
        if info.compress_type not in _COMPRESSION:
            raise BadRequestError(
                f"The book cannot be read: {path} is compressed in a way that EPUB does not know.",
                hint="Save the book as EPUB again, such as with Calibre.",
            )
        with self._book.open(info) as file:
            data = file.read(self._left + 1)  # the size in the directory may be a lie
        self._left -= len(data)
        if self._left < 0:
            raise TooLargeError(
                f"The chapters of the book have more than {MAX_BOOK_TEXT_BYTES} bytes.",
                hint="Send the book in parts.",
            )
        return data.decode("utf-8-sig", "replace")


class _TagCollector(HTMLParser):
    """Collects the attributes of all elements, by their names without namespace."""

    def __init__(self) -> None:
        super().__init__()
        self._tags: list[tuple[str, dict[str, str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self._tags.append((tag.rpartition(":")[2], found))

    def named(self, name: str, *required: str) -> list[dict[str, str]]:
        """Return the attributes of the elements of this name that have all those required."""
        return [
            attributes
            for tag, attributes in self._tags
            if tag == name and all(attributes.get(key) for key in required)
        ]


class _ChapterParser(HTMLParser):
    """Collects the paragraphs of a chapter in XHTML."""

    def __init__(self) -> None:
        super().__init__()
        self._paragraphs: list[Paragraph] = []
        self._text: list[str] = []
        self._heading = False
        self._silent: list[str] = []
        """Open elements whose text is not spoken."""

    def finish(self) -> list[Paragraph]:
        """Return all paragraphs after the last `feed`."""
        self._end_paragraph()
        return self._paragraphs

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._silent or tag in _SILENT or _is_note(dict(attrs)):
            # Elements without an end would never leave the list.
            if tag not in ("br", "hr", "img", "meta", "link", "input"):
                self._silent.append(tag)
        elif tag in _BLOCKS:
            self._end_paragraph()
            self._heading = tag in _HEADINGS
        elif tag == "br":
            self._text.append(" ")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _BLOCKS or tag == "br":
            self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        if self._silent:
            if tag in self._silent:
                del self._silent[self._silent.index(tag) :]
        elif tag in _BLOCKS:
            self._end_paragraph()

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self._text.append(data)

    def _end_paragraph(self) -> None:
        if text := " ".join("".join(self._text).split()):
            self._paragraphs.append(Paragraph(text, self._heading))
        self._text, self._heading = [], False


def _is_note(attributes: dict[str, str | None]) -> bool:
    """Whether an element is the mark or the text of a footnote, or a page number."""
    kinds = (attributes.get("epub:type") or "").split()
    return any(kind in ("noteref", "footnote", "pagebreak", "rearnote") for kind in kinds)
