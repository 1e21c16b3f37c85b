"""What the OpenAPI document says of forms with a file, which FastAPI does not read for us."""

from typing import Any


def form_schema(
    file_field: str,
    fields: dict[str, Any],
    about: str = "Audio or video in any usual format.",
) -> dict[str, Any]:
    """Return a schema of a form with one required file."""
    file = {"type": "string", "format": "binary", "description": about}
    return {
        "type": "object",
        "required": [file_field],
        "properties": {file_field: file, **fields},
    }


def openapi_request_body(**content: dict[str, Any]) -> dict[str, Any]:
    """Return a route's `openapi_extra`: what it takes as a `form` or as `json`."""
    kinds = {"form": "multipart/form-data", "json": "application/json"}
    found = {kinds[name]: {"schema": schema} for name, schema in content.items()}
    return {"requestBody": {"required": True, "content": found}}
