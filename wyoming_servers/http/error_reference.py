"""The error reference: `/docs/errors` on the server, and `docs/errors.md`."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from typing import Final

from wyoming_servers.core import errors
from wyoming_servers.core.errors import ConductorError
from wyoming_servers.http.problems import ERROR_STATUSES

_ADVICE: Final[Mapping[str, str]] = {
    "BAD_REQUEST": "Correct the request. The message names the field and the allowed values.",
    "UNAUTHORIZED": "Send `Authorization: Bearer TOKEN`; the token is in `<data_dir>/api-token`.",
    "FORBIDDEN": "Use a token with the scope that the message names.",
    "UNSUPPORTED_LANGUAGE": "Choose another language, or install a model or voice for it.",
    "NOT_FOUND": "Check the id. Finished jobs are deleted after `jobs.retention`.",
    "CONFLICT": "Read the current state of the resource; the operation is not possible in it.",
    "TOO_LARGE": "Send less data, or raise the limit that the message names.",
    "CANCELLED": "Nothing. The client disconnected before the response was ready.",
    "BUSY": "Try again in a moment. If it happens often, raise the limit that the message names.",
}
"""What to do about errors whose class has no general hint."""

_GROUPS: Final[Mapping[type[ConductorError], str]] = {
    errors.RequestError: "The request is not valid",
    errors.CapacityError: "The server has no capacity now",
    errors.WorkerError: "A worker process failed",
    errors.CancelledError: "Other",
}

_PAGE: Final = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Errors - Wyoming Conductor</title>
<style>
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 1rem }}
table {{ border-collapse: collapse; width: 100% }}
td, th {{ border: 1px solid #8888; padding: .4rem .6rem; text-align: left; vertical-align: top }}
tr:target {{ outline: 2px solid #03a9f4 }}
</style>
<h1>Errors</h1>
<p>Every error has a stable code, the same in all interfaces. Over HTTP the body is
<code>{{"error", "code", "detail", "recoverable"}}</code>: what happened, the code, what to do next,
and whether the same request may succeed later. If a retry can succeed,
<code>retry_after_secs</code> and the header <code>Retry-After</code> say when; after repeated
failures <code>attempt</code> counts them.</p>
{groups}
<p><a href="../docs">API documentation</a></p>
</html>
"""


@dataclass(frozen=True, slots=True)
class ErrorEntry:
    """One error code."""

    code: str
    status: int
    """HTTP status."""
    recoverable: bool
    when: str
    """When it occurs, as a sentence."""
    advice: str
    """What to do next; Markdown with code spans only."""


def error_groups() -> dict[str, list[ErrorEntry]]:
    """Return every error code by the title of its group."""
    groups: dict[str, list[ErrorEntry]] = {}
    for base, title in _GROUPS.items():
        kinds = list(_leaves(base)) + ([errors.InternalError] if title == "Other" else [])
        groups[title] = [_entry(kind) for kind in kinds]
    return groups


def error_page() -> str:
    """Return the reference as HTML; a link such as `/docs/errors#OOM` shows one code."""
    groups = "\n".join(
        f"<h2>{escape(title)}</h2>\n<table>\n<tr><th>Code<th>HTTP status<th>Retry"
        f"<th>When<th>What to do\n{''.join(map(_row, entries))}</table>"
        for title, entries in error_groups().items()
    )
    return _PAGE.format(groups=groups)


def _row(entry: ErrorEntry) -> str:
    advice = re.sub("`([^`]+)`", r"<code>\1</code>", escape(entry.advice))
    retry = "may succeed" if entry.recoverable else "fails again"
    return (
        f'<tr id="{entry.code}"><td><code>{entry.code}</code><td>{entry.status}<td>{retry}'
        f"<td>{escape(entry.when)}<td>{advice}\n"
    )


def _leaves(base: type[ConductorError]) -> Iterator[type[ConductorError]]:
    """Yield the classes of `core.errors` below a class that have no subclasses there."""
    below = [kind for kind in base.__subclasses__() if kind.__module__ == errors.__name__]
    if not below:
        yield base
    for kind in below:
        yield from _leaves(kind)


def _entry(kind: type[ConductorError]) -> ErrorEntry:
    when = " ".join((kind.__doc__ or "").split()).removeprefix("Raised when ").rstrip(".")
    return ErrorEntry(
        kind.code,
        ERROR_STATUSES[kind.code].status,
        kind.recoverable,
        f"{when[:1].upper()}{when[1:]}.",
        _ADVICE.get(kind.code) or kind.default_hint,
    )
