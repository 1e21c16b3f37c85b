"""The error reference as Markdown, from the error classes and their HTTP statuses."""

from collections.abc import Iterator

from wyoming_servers.core import errors
from wyoming_servers.core.errors import ConductorError
from wyoming_servers.http.problems import ERROR_STATUSES

_INTRO = """\
# Errors

<!-- Generated from the error classes by script/docs; do not edit. -->

Every error has a stable code, which is the same in all interfaces: `code` in the body of an HTTP
response, `code` of a Wyoming `error` event, the translation in Home Assistant, and the metrics. The
message says what happened, the hint what to do next; both may change between releases.

Over HTTP the body is `{"error": message, "code": code, "detail": hint}`. If a retry can succeed,
the response has `Retry-After`, and the body has `retry_after_secs`. Below `/v1` the body has the
format of OpenAI's API. Additional statuses: 421 and 403 for a host name or origin that is not
allowed (`api.allowed_hosts`, `api.cors_origins`), with the code `BAD_REQUEST`, and 429 for too many
requests (`limits.max_requests_per_second`), with the code `BUSY`.
"""

_ADVICE = {
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

_GROUPS = {
    errors.RequestError: "The request is not valid",
    errors.CapacityError: "The server has no capacity now",
    errors.WorkerError: "A worker process failed",
    errors.CancelledError: "Other",
}


def error_document() -> str:
    """Return the whole document: one table per group of errors."""
    parts = [_INTRO]
    for base, title in _GROUPS.items():
        kinds = list(_leaves(base)) + ([errors.InternalError] if title == "Other" else [])
        rows = [
            "| code | HTTP status | when | what to do |",
            "| --- | --- | --- | --- |",
            *(_row(kind) for kind in kinds),
        ]
        parts.append(f"## {title}\n\n" + "\n".join(rows) + "\n")
    return "\n".join(parts)


def _leaves(base: type[ConductorError]) -> Iterator[type[ConductorError]]:
    """Yield the classes of `core.errors` below a class that have no subclasses there."""
    below = [kind for kind in base.__subclasses__() if kind.__module__ == errors.__name__]
    if not below:
        yield base
    for kind in below:
        yield from _leaves(kind)


def _row(kind: type[ConductorError]) -> str:
    when = " ".join((kind.__doc__ or "").split()).removeprefix("Raised when ").rstrip(".")
    advice = _ADVICE.get(kind.code) or _escape(kind.default_hint)
    status = ERROR_STATUSES[kind.code].status
    return f"| `{kind.code}` | {status} | {when[:1].upper()}{when[1:]}. | {advice} |"


def _escape(text: str) -> str:
    """Escape what Markdown would take for HTML, such as `models.<id>.device`."""
    return text.replace("<", "&lt;")
