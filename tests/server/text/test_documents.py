"""Markdown and EPUB as paragraphs."""

import io
import zipfile
from contextlib import suppress

import numpy as np
import pytest

from wyoming_servers.core.errors import BadRequestError, TooLargeError
from wyoming_servers.text import documents
from wyoming_servers.text.documents import Paragraph, read_epub, read_markdown

MARKDOWN = """---
title: not spoken
---
# The *House*

A paragraph that is
wrapped, with a [link](https://example.com) and `code`.

```python
print("not spoken")
```

- one
- [x] two
  more of two

Second
------

> quoted
> twice

| a | b |
|---|:-:|
| 1 | 2 |

* * *
<!-- not
spoken -->
[ref]: https://example.com
The end.
"""

CONTAINER = '<container><rootfiles><rootfile full-path="OPS/book.opf"/></rootfiles></container>'
PACKAGE = """<package><metadata><title>Book</title></metadata><manifest>
<item id="two" href="two.xhtml"/><item id="one" href="text/one%20a.xhtml"/>
<item id="toc" href="toc.xhtml" properties="nav"/><item id="ad" href="ad.xhtml"/>
</manifest><spine><itemref idref="toc"/><itemref idref="one"/><itemref idref="two"/>
<itemref idref="ad" linear="no"/></spine></package>"""
ONE = """<?xml version="1.0"?><html><head><title>no</title><style>p {}</style></head><body>
<h1>Chapter One</h1><p>First &amp; <em>best</em>.<a epub:type="noteref">1</a><br/>Same.</p>
<div>Loose<p>Inner.</p>tail</div></body></html>"""


def book(compression: int = zipfile.ZIP_DEFLATED, /, **files: str) -> bytes:
    content = {
        "META-INF/container.xml": CONTAINER,
        "OPS/book.opf": PACKAGE,
        "OPS/text/one a.xhtml": ONE,
        "OPS/two.xhtml": "<p>Broken <b>markup",
        "OPS/toc.xhtml": "<p>Contents</p>",
        "OPS/ad.xhtml": "<p>Buy</p>",
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, text in {**content, **files}.items():
            archive.writestr(name, text)
    return buffer.getvalue()


def test_markdown_becomes_paragraphs_without_code_and_markup() -> None:
    assert read_markdown(MARKDOWN) == [
        Paragraph("The House", heading=True),
        Paragraph("A paragraph that is wrapped, with a link and code."),
        Paragraph("one"),
        Paragraph("two more of two"),
        Paragraph("Second", heading=True),
        Paragraph("quoted twice"),
        Paragraph("a, b"),
        Paragraph("1, 2"),
        Paragraph("The end."),
    ]


def test_epub_is_read_in_the_order_of_its_spine() -> None:
    assert read_epub(book()) == [
        Paragraph("Chapter One", heading=True),
        Paragraph("First & best. Same."),
        Paragraph("Loose"),
        Paragraph("Inner."),
        Paragraph("tail"),
        Paragraph("Broken markup"),
    ]


@pytest.mark.parametrize(
    "data",
    [
        b"PK\x03\x04 no zip",
        book(zipfile.ZIP_LZMA),
        book(**{"META-INF/container.xml": "<container/>"}),
        book(**{"META-INF/container.xml": CONTAINER.replace("book", "lost")}),
    ],
)
def test_epub_that_cannot_be_read_is_refused(data: bytes) -> None:
    with pytest.raises(BadRequestError):
        read_epub(data)


def test_damaged_epub_is_read_or_refused() -> None:
    choose = np.random.default_rng(1)
    # Many paragraphs that differ: damage in compressed data is found while it is read.
    chapter = "".join(f"<p>{choose.random()}</p>" for _ in range(50))
    whole = book(**{"OPS/two.xhtml": chapter})
    refused = 0
    for _ in range(1_000):
        damaged = bytearray(whole)
        for _ in range(choose.integers(1, 5)):
            damaged[choose.integers(len(damaged))] = int(choose.integers(256))
        if choose.random() < 0.5:
            del damaged[choose.integers(len(damaged)) :]
        refused += 1
        with suppress(BadRequestError):
            read_epub(bytes(damaged))
            refused -= 1
    assert 500 < refused <= 1_000


def test_epub_that_grows_beyond_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "MAX_BOOK_TEXT_BYTES", 10_000)
    with pytest.raises(TooLargeError, match="10000 bytes"):
        read_epub(book(**{"OPS/two.xhtml": "x" * 20_000}))
