"""Names in messages to people, however long or many they are."""

from collections.abc import Iterable, Sequence
from typing import Final

_LONGEST: Final = 60
_MOST: Final = 12


def clip(text: str) -> str:
    """Cut a client's text for a message: whole megabytes have been sent as a name."""
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"


def list_names(names: Sequence[str], noun: str) -> str:
    """Say what is installed, the first dozen by name."""
    if not names:
        return f"no {noun} is"
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return f"installed: {', '.join(names[:_MOST])}{more}"


def list_languages(codes: Iterable[str]) -> str:
    """List codes in order, each once, the first dozen by name; `no language` if there are none."""
    known = sorted(set(codes))
    more = f" and {len(known) - _MOST} more" if len(known) > _MOST else ""
    return f"{', '.join(known[:_MOST])}{more}" if known else "no language"
