"""The error reference as Markdown, from the error classes and their HTTP statuses."""

from wyoming_servers.http.error_reference import error_groups

_INTRO = """\
# Errors

<!-- Generated from the error classes by script/docs; do not edit. -->

Every error has a stable code, which is the same in all interfaces: `code` in the body of an HTTP
response, `code` of a Wyoming `error` event, the translation in Home Assistant, and the metrics. The
message says what happened, the hint what to do next; both may change between releases. A running
server shows this reference at `/docs/errors`.

Over HTTP the body is `{"error": message, "code": code, "detail": hint, "recoverable": boolean}`:
`recoverable` says whether the same request may succeed later. If a retry can succeed, the response
has `Retry-After`, and the body has `retry_after_secs`; after repeated failures of a model the body
has `attempt`, their number. Below `/v1` the body has the format of OpenAI's API. Additional
statuses: 421 and 403 for a host name or origin that is not allowed (`api.allowed_hosts`,
`api.cors_origins`), with the code `BAD_REQUEST`, and 429 for too many requests
(`limits.max_requests_per_second`), with the code `BUSY`.
"""


def error_document() -> str:
    """Return the whole document: one table per group of errors."""
    parts = [_INTRO]
    for title, entries in error_groups().items():
        rows = [
            "| code | HTTP status | recoverable | when | what to do |",
            "| --- | --- | --- | --- | --- |",
            *(
                f"| `{entry.code}` | {entry.status} | {'yes' if entry.recoverable else 'no'} "
                f"| {entry.when} | {_escape(entry.advice)} |"
                for entry in entries
            ),
        ]
        parts.append(f"## {title}\n\n" + "\n".join(rows) + "\n")
    return "\n".join(parts)


def _escape(text: str) -> str:
    """Escape what Markdown would take for HTML, such as `models.<id>.device`."""
    return text.replace("<", "&lt;")
