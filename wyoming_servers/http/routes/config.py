"""`/config`: the configuration in effect, saved changes that are pending, and changing it."""

from typing import Annotated, Any

from fastapi import APIRouter, Body
from pydantic import BaseModel, Field

from wyoming_servers.config.editor import ConfigEditor
from wyoming_servers.config.schema import Applies
from wyoming_servers.core.errors import InternalError
from wyoming_servers.http.context import ApiContext, Context
from wyoming_servers.http.problems import PROBLEM_RESPONSES

router = APIRouter(tags=["config"], responses={**PROBLEM_RESPONSES})


class PendingKeyResponse(BaseModel):
    """A saved value that is not in effect yet."""

    effective: Any = Field(description="The value in effect.")
    pending: Any = Field(description="The saved value.")
    source: str = Field(description="Source of the saved value.")
    applies: Applies = Field(
        description="When the saved value takes effect: after a restart, or after a reload of the "
        "models that it concerns."
    )


class ConfigResponse(BaseModel):
    """The configuration: as saved, and as in effect."""

    config: dict[str, Any] = Field(
        description="The saved value of every key, nested. The server uses these values after the "
        "next start; see `effective` and `pending`."
    )
    effective: dict[str, Any] = Field(description="The value in effect of every key, nested.")
    pending: dict[str, PendingKeyResponse] = Field(
        description="Keys, dotted, whose saved value is not in effect yet."
    )
    revision: int = Field(
        description="Incremented whenever a value in effect changes; 1 at the start of the server."
    )
    sources: dict[str, str] = Field(
        description="Source of the saved value of every key, dotted: `default`, `file`, "
        "`overrides`, `environment` or `command line`."
    )
    restart_needed: list[str] = Field(
        description="Keys, dotted, whose saved value takes effect at the next start."
    )


class ConfigChangeResponse(BaseModel):
    """Result of a change."""

    changed: list[str] = Field(description="Keys, dotted, whose saved value changed.")
    restart_needed: list[str] = Field(
        description="Keys, dotted, whose saved value takes effect at the next start."
    )
    shadowed: dict[str, str] = Field(
        description="Keys, dotted, that were saved without effect, each with the source that takes "
        "precedence."
    )


@router.get("/config", summary="Show the configuration")
async def get_config(context: Context) -> ConfigResponse:
    editor = _editor(context)
    return ConfigResponse(
        config=editor.saved.config.model_dump(mode="json"),
        effective=editor.effective.model_dump(mode="json"),
        pending={
            key: PendingKeyResponse(
                effective=value.effective,
                pending=value.saved,
                source=value.source,
                applies=value.applies,
            )
            for key, value in editor.pending().items()
        },
        revision=editor.revision,
        sources=dict(editor.saved.sources),
        restart_needed=list(editor.restart_needed),
    )


@router.patch("/config", summary="Change the configuration")
async def patch_config(
    context: Context,
    patch: Annotated[
        dict[str, Any],
        Body(examples=[{"log": {"level": "debug"}, "models": {"whisper/base": {"pinned": True}}}]),
    ],
) -> ConfigChangeResponse:
    """Expects a JSON Merge Patch; null removes a change. All values are validated first; if one is
    not valid, nothing is changed.

    Changes are saved at once. Only `log.level`, `keep_alive` and `pinned` take effect at once, all
    other keys at the next start of the server.
    """
    change = await _editor(context).patch(patch)
    return ConfigChangeResponse(
        changed=list(change.changed),
        restart_needed=list(change.restart_needed),
        shadowed=dict(change.shadowed),
    )


def _editor(context: ApiContext) -> ConfigEditor:
    if context.config_editor is None:
        raise InternalError("The configuration routes exist without a configuration editor.")
    return context.config_editor
