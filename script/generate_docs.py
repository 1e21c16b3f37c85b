"""Write the documents that follow from the code; with `--check`, only compare them.

usage: python script/generate_docs.py [--check]
"""

import sys
from itertools import groupby
from pathlib import Path

from api_document import api_document
from error_document import error_document

from wyoming_servers.config.reference import configuration_document, example_file
from wyoming_servers.http.app import openapi_document
from wyoming_servers.scheduling.planner.instance import (
    PUBLIC_STATES,
    TRANSITIONS,
)

ROOT = Path(__file__).parents[1]


def states_table() -> str:
    """Return the lifecycle of a model as a Markdown table, a row for each state."""
    rows = ["| state | shown as | what happens → next state |", "| --- | --- | --- |"]
    for state, moves in groupby(TRANSITIONS.items(), key=lambda move: move[0][0]):
        listed = "; ".join(f"{trigger} → {target}" for (_state, trigger), target in moves)
        rows.append(f"| {state} | {PUBLIC_STATES[state]} | {listed} |")
    return "\n".join(rows)


def between(text: str, name: str, content: str) -> str:
    """Return `text` with new content between the marks `<!-- name:begin … -->` and `name:end`."""
    begin = text.index("-->", text.index(f"<!-- {name}:begin")) + len("-->")
    end = text.index(f"<!-- {name}:end -->")
    return f"{text[:begin]}\n{content}\n{text[end:]}"


def documents() -> dict[Path, str]:
    """Return every generated file with the text that it should have."""
    architecture = ROOT / "docs" / "architecture.md"
    return {
        ROOT / "example-config.yaml": example_file(),
        ROOT / "docs" / "configuration.md": configuration_document(),
        ROOT / "docs" / "errors.md": error_document(),
        ROOT / "docs" / "api.md": api_document(openapi_document()),
        architecture: between(architecture.read_text(), "states", states_table()),
    }


def _current(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def main() -> int:
    """Write or compare; return the exit code."""
    stale = [path for path, text in documents().items() if _current(path) != text]
    for path in stale:
        name = path.relative_to(ROOT)
        if "--check" in sys.argv:
            print(f"{name} is out of date: run script/docs")
        else:
            path.write_text(documents()[path])
            print(f"{name} renewed")
    return 1 if stale and "--check" in sys.argv else 0


if __name__ == "__main__":
    sys.exit(main())
