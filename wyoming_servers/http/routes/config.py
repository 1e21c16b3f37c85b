"""`/config`: the configuration in effect, saved changes that are pending, and changing it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final

from fastapi import APIRouter, Body
from pydantic import BaseModel, Field

from wyoming_servers.config.editor import ConfigEditor
from wyoming_servers.config.key_tree import ConfigGroup, ConfigPath, dotted_path, key_tree
from wyoming_servers.config.schema import SECRET_KEYS, Applies
from wyoming_servers.core.errors import InternalError, NotFoundError
from wyoming_servers.http.auth.access import GrantedScope
from wyoming_servers.http.auth.tokens import TokenScope
from wyoming_servers.http.context import ApiContext, Context
from wyoming_servers.http.problems import PROBLEM_RESPONSES

router = APIRouter(tags=["config"], responses={**PROBLEM_RESPONSES})


class PendingKeyResponse(BaseModel):
    """A saved value that is not in effect yet."""

    effective: Any = Field(description="The value in effect.")
    pending: Any = Field(description="The saved value.")
    source: str = Field(description="Source of the saved value.")
    applies: Applies = Field(
        description="When the saved value takes effect: `restart`, at the next start."
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


class KeyResponse(BaseModel):
    """One key after a change."""

    value: Any = Field(description="The saved value: that of the next start.")
    source: str = Field(
        description="Source of the saved value: `default`, `file`, `overrides`, `environment` or "
        "`command line`."
    )
    effective: Any = Field(description="The value in effect.")
    pending: bool = Field(description="Whether the saved value takes effect at the next start.")
    applies: Applies = Field(
        description="`live`: from the next request on. `reload`: at once too, the models that it "
        "concerns were loaded again. `restart`: at the next start."
    )
    note: str = Field(
        "", description="What the change meant for running requests; empty if nothing."
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
    keys: dict[str, KeyResponse] = Field(
        description="Every key of the change, and every key that it changed, dotted."
    )


@router.get("/config", summary="Show the configuration")
async def get_config(context: Context) -> ConfigResponse:
    editor = _editor(context)
    return ConfigResponse(
        config=_without_secrets(editor.saved.config.model_dump(mode="json")),
        effective=_without_secrets(editor.effective.model_dump(mode="json")),
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


class ConfigKeyResponse(BaseModel):
    """One key of the configuration."""

    path: str = Field(description="Dotted; `*` stands for a name such as a model id.")
    kind: str = Field(
        description="text, path, integer, number, duration, size, boolean, choice, list, scalar "
        "or preload."
    )
    default: Any
    description: str
    choices: list[str] = Field(description="Values of a choice, or examples of a text.")
    minimum: float | None
    maximum: float | None
    nullable: bool
    applies: Applies
    admin: bool = Field(description="Whether changing it needs a token with scope `admin`.")


class ConfigSchemaResponse(BaseModel):
    """Every key of the configuration."""

    sections: dict[str, str] = Field(description="Title of each section, by dotted path.")
    keys: list[ConfigKeyResponse]


@router.get("/config/schema", summary="Describe the configuration")
async def get_config_schema() -> ConfigSchemaResponse:
    """Type, default, meaning and limits of every key; sizes in bytes, durations in seconds."""
    return ConfigSchemaResponse(
        sections=dict(_sections(key_tree())),
        keys=[
            ConfigKeyResponse(
                path=dotted_path(path),
                kind=key.kind,
                default=str(key.default) if isinstance(key.default, Path) else key.default,
                description=key.description,
                choices=list(key.choices),
                minimum=key.minimum,
                maximum=key.maximum,
                nullable=key.nullable,
                applies=key.applies,
                admin=key.admin,
            )
            for path, key in key_tree().walk()
        ],
    )


def _sections(group: ConfigGroup, path: ConfigPath = ()) -> Iterator[tuple[str, str]]:
    for name, node in group.children.items():
        if isinstance(node, ConfigGroup):
            yield dotted_path((*path, name)), node.title
            yield from _sections(node, (*path, name))


@router.patch("/config", summary="Change the configuration")
async def patch_config(
    context: Context,
    scope: GrantedScope,
    patch: Annotated[
        dict[str, Any],
        Body(examples=[{"log": {"level": "debug"}, "models": {"whisper/base": {"pinned": True}}}]),
    ],
) -> ConfigChangeResponse:
    """Expects a JSON Merge Patch; null removes a change.

    The whole configuration is checked first, as the next start would check it; if it is not valid,
    nothing is changed. Then everything takes effect from the next request on, except ports, `host`,
    `data_dir`, `log.format`, `api.tls` and `security.sandbox`, which need a restart
    (`POST /restart`).

    For another default model, device, compute type or engine option, a new worker is loaded while
    the old one serves, and the answer comes when requests are served by the new one. If it cannot
    be loaded, nothing is changed and the answer has the reason.

    Keys that protect the server, such as `host`, `api.auth` and `webhooks.allowed_targets`, need a
    token with scope `admin`; the configuration reference marks them.
    """
    change = await _editor(context).patch(patch, admin=scope is TokenScope.ADMIN)
    return ConfigChangeResponse(
        changed=list(change.changed),
        restart_needed=list(change.restart_needed),
        shadowed=dict(change.shadowed),
        keys={
            key: KeyResponse(
                value=_shown(key, status.value),
                source=status.source,
                effective=_shown(key, status.effective),
                pending=status.pending,
                applies=status.applies,
                note=status.note,
            )
            for key, status in change.keys.items()
        },
    )


class RestartResponse(BaseModel):
    """The server is about to restart."""

    restarting: bool = True
    grace_seconds: float = Field(
        description="Running requests have this long to end; the server is back seconds later."
    )


@router.post("/restart", status_code=202, summary="Restart the server")
async def restart_server(context: Context) -> RestartResponse:
    """Ends running requests within `limits.shutdown_grace` and starts the server again, with the
    same arguments and process id, so that saved settings that need a restart take effect. Works
    alone, under systemd and in a container. When the server is back, `/health/live` answers and
    the first message of `/events` has another `instance`.
    """
    if context.restart is None:
        raise NotFoundError("This server cannot be restarted over the API.")
    context.restart()
    return RestartResponse(grace_seconds=context.config.limits.shutdown_grace)


SECRET_SHOWN: Final = "(set)"  # noqa: S105
"""Stands for a secret that is set."""


def _shown(path: str, value: Any) -> Any:
    """Return the value of a key, or `SECRET_SHOWN` in place of a secret."""
    return SECRET_SHOWN if value and path in SECRET_KEYS else value


def _without_secrets(config: dict[str, Any], path: str = "") -> dict[str, Any]:
    return {
        name: _without_secrets(value, f"{path}{name}.")
        if isinstance(value, dict)
        else _shown(f"{path}{name}", value)
        for name, value in config.items()
    }


def _editor(context: ApiContext) -> ConfigEditor:
    if context.config_editor is None:
        raise InternalError("The configuration routes exist without a configuration editor.")
    return context.config_editor
