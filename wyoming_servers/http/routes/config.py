"""The configuration: what holds, where it comes from, and changing it."""

from typing import Annotated, Any

from fastapi import APIRouter, Body
from pydantic import BaseModel, Field

from wyoming_servers.config.editor import ConfigEditor
from wyoming_servers.core.errors import InternalError
from wyoming_servers.http.context import (
    ApiContext,
    Context,
)
from wyoming_servers.http.problems import PROBLEM_RESPONSES

router = APIRouter(tags=["config"], responses={**PROBLEM_RESPONSES})


class ConfigResponse(BaseModel):
    """The configuration as it is written."""

    config: dict[str, Any] = Field(description="Every key with its value, nested.")
    sources: dict[str, str] = Field(
        description="Dotted key to default, file, overrides, environment or command line."
    )
    restart_needed: list[str] = Field(description="Keys that hold from the next start on.")


class ConfigChangeResponse(BaseModel):
    """What came of a change."""

    changed: list[str] = Field(description="Keys whose value is another now.")
    restart_needed: list[str] = Field(description="Keys that hold from the next start on.")
    shadowed: dict[str, str] = Field(
        description="Keys that were written without effect, and the source that wins over them."
    )


@router.get("/config", summary="What holds, and why")
async def show(context: Context) -> ConfigResponse:
    editor = _editor(context)
    return ConfigResponse(
        config=editor.loaded.config.model_dump(mode="json"),
        sources=dict(editor.loaded.sources),
        restart_needed=list(editor.restart_needed),
    )


@router.patch("/config", summary="Change it")
async def change(
    context: Context,
    patch: Annotated[
        dict[str, Any],
        Body(examples=[{"log": {"level": "debug"}, "models": {"whisper/base": {"pinned": True}}}]),
    ],
) -> ConfigChangeResponse:
    """A JSON Merge Patch: null takes a key back. All of it is checked, or nothing changes.

    The log's level, `keep_alive` and `pinned` hold at once, everything else after a restart.
    """
    made = await _editor(context).patch(patch)
    return ConfigChangeResponse(
        changed=list(made.changed),
        restart_needed=list(made.restart_needed),
        shadowed=dict(made.shadowed or {}),
    )


def _editor(context: ApiContext) -> ConfigEditor:
    if context.editor is None:
        raise InternalError("The configuration is routed but not served.")
    return context.editor
