"""The HTTP API as Markdown, from the OpenAPI document that the server itself serves."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

INTRO = Path(__file__).with_name("api_intro.md")
"""The manually written beginning of the document."""

_TITLES = {
    "store": "Model downloads",
    "openai": "OpenAI compatibility",
    "config": "Configuration",
}


def api_document(openapi: Mapping[str, Any]) -> str:
    """Return the whole document."""
    by_tag: dict[str, list[str]] = {}
    for path, methods in openapi["paths"].items():
        for method, operation in methods.items():
            tag = operation.get("tags", ["other"])[0]
            by_tag.setdefault(tag, []).append(_operation(method.upper(), path, operation, openapi))
    parts = [INTRO.read_text().rstrip()]
    for tag, operations in sorted(by_tag.items()):
        parts += [f"## {_TITLES.get(tag, tag.capitalize())}", *operations]
    return "\n\n".join(parts) + "\n"


def _operation(
    method: str, path: str, operation: Mapping[str, Any], openapi: Mapping[str, Any]
) -> str:
    parts = [f"### `{method} {path}`", operation.get("summary", "") + "."]
    if text := operation.get("description", "").strip():
        parts.append(text)
    scope = operation.get("x-required-scope")
    parts.append(f"Scope: `{scope}`." if scope else "Needs no token.")
    rows = [
        _row(one["name"], one["schema"], one.get("description", ""), one["in"])
        for one in operation.get("parameters", [])
    ]
    for content in operation.get("requestBody", {}).get("content", {}).values():
        schema = _resolve(content["schema"], openapi)
        needed = schema.get("required", [])
        rows += [
            _row(name, field, field.get("description", ""), "body", required=name in needed)
            for name, field in schema.get("properties", {}).items()
        ]
    if rows:
        parts.append("\n".join(["| field | in | type | |", "| --- | --- | --- | --- |", *rows]))
    responses = [
        f"{status} ({response['description'].rstrip('.').lower()})"
        for status, response in sorted(operation["responses"].items())
        if status not in ("default", "422")
    ]
    parts.append("Responses: " + ", ".join(responses) + ".")
    return "\n\n".join(parts)


def _row(
    name: str, schema: Mapping[str, Any], text: str, where: str, *, required: bool = False
) -> str:
    description = " ".join([*(["Required."] if required else []), text]).strip().replace("|", "\\|")
    default = schema.get("default")
    if default not in (None, "", [], {}):
        description = f"{description} Default: `{default}`.".strip()
    return f"| `{name}` | {where} | {_type(schema)} | {description} |"


def _type(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if options := schema.get("anyOf"):
        kinds = [_type(option) for option in options if option.get("type") != "null"]
        return " or ".join(dict.fromkeys(kinds))
    if "$ref" in schema:
        return schema["$ref"].rpartition("/")[2]
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if schema.get("format") == "binary":
        return "file"
    return str(schema.get("type", "any"))


def _resolve(schema: Mapping[str, Any], openapi: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" not in schema:
        return schema
    found: Mapping[str, Any] = openapi["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return found
