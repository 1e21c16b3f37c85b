"""The documents for developers name files that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

DOCUMENTS = [
    ROOT / "CONTRIBUTING.md",
    ROOT / "docs" / "architecture.md",
    ROOT / "script" / "README.md",
    *sorted((ROOT / "docs" / "adr").glob("*.md")),
]

_PATH = re.compile(r"`((?:[\w.-]+/)+[\w.-]*|[\w-]+\.(?:py|toml|md))`")


def named_paths(document: Path) -> list[str]:
    """Paths in backticks, such as `wyoming_servers/core/errors.py`."""
    return _PATH.findall(document.read_text())


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_document_names_files_that_exist(document: Path) -> None:
    # A path counts from the repository, from the package, or from the document's own folder.
    roots = (ROOT, ROOT / "wyoming_servers", document.parent)
    missing = [
        name for name in named_paths(document) if not any((root / name).exists() for root in roots)
    ]
    assert missing == []


def test_the_architecture_names_enough_files_to_be_checked() -> None:
    assert len(named_paths(ROOT / "docs" / "architecture.md")) > 20
