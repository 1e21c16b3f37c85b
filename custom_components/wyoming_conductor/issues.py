"""Repairs: what the user can act on, made from the snapshot and taken back when it clears."""

from typing import TYPE_CHECKING, Final

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir

from .api import Model, ModelState
from .const import API_VERSIONS, CONF_ADD_SERVERS, DOMAIN
from .wyoming import async_missing_servers

if TYPE_CHECKING:
    from .coordinator import ConductorConfigEntry
    from .snapshot import Snapshot

OUT_OF_MEMORY: Final = "out_of_memory"
LOAD_FAILED: Final = "model_load_failed"
RUNNING_ON_CPU: Final = "running_on_cpu"
DISK_FULL: Final = "disk_full"
NOT_IN_ASSIST: Final = "server_not_in_assist"
PIPELINE_BROKEN: Final = "pipeline_broken"
RESTART_NEEDED: Final = "restart_needed"
SERVER_TOO_OLD: Final = "server_too_old"
SERVER_TOO_NEW: Final = "server_too_new"

DOCUMENTATION: Final = (
    "https://github.com/wyoming-conductor/wyoming-conductor/blob/main/docs/home-assistant.md"
)


@callback
def async_check_version(hass: HomeAssistant, entry: ConductorConfigEntry, api_version: str) -> bool:
    """Return whether we speak this version of the API; say so in a repair if not."""
    too_old, too_new = (_id(entry, key) for key in (SERVER_TOO_OLD, SERVER_TOO_NEW))
    if api_version in API_VERSIONS:
        ir.async_delete_issue(hass, DOMAIN, too_old)
        ir.async_delete_issue(hass, DOMAIN, too_new)
        return True
    is_old = _rank(api_version) < _rank(API_VERSIONS[0])
    ir.async_create_issue(
        hass,
        DOMAIN,
        too_old if is_old else too_new,
        is_fixable=False,
        severity=ir.IssueSeverity.ERROR,
        translation_key=SERVER_TOO_OLD if is_old else SERVER_TOO_NEW,
        translation_placeholders={"name": entry.title, "version": api_version},
        learn_more_url=DOCUMENTATION,
    )
    return False


@callback
def async_sync(hass: HomeAssistant, entry: ConductorConfigEntry, snapshot: Snapshot) -> None:
    """Make the repairs be those that the snapshot asks for, and no others."""
    wanted: set[str] = set()
    for model in snapshot.status.models.values():
        if (key := _trouble(model)) is not None:
            wanted.add(_model_issue(hass, entry, model, key))
    if entry.options.get(CONF_ADD_SERVERS) and async_missing_servers(
        hass, snapshot.info.uuid, snapshot.info.ports
    ):
        wanted.add(_entry_issue(hass, entry))
    if snapshot.config is not None and snapshot.config.restart_needed:
        wanted.add(_restart_issue(hass, entry, snapshot.config.restart_needed))
    if snapshot.disk_free is not None and snapshot.is_disk_low:
        wanted.add(_disk_issue(hass, entry, snapshot.disk_free))
    async_clear(hass, entry, keep=wanted)


@callback
def async_mark_pipeline(
    hass: HomeAssistant, entry: ConductorConfigEntry, subentry_id: str, *, broken: bool
) -> None:
    """Say whether a managed assistant lacks something it needs."""
    issue = _id(entry, PIPELINE_BROKEN, subentry_id)
    if not broken:
        ir.async_delete_issue(hass, DOMAIN, issue)
        return
    ir.async_create_issue(
        hass,
        DOMAIN,
        issue,
        data={"entry_id": entry.entry_id, "subentry_id": subentry_id},
        is_fixable=True,
        severity=ir.IssueSeverity.ERROR,
        translation_key=PIPELINE_BROKEN,
        translation_placeholders={"name": entry.subentries[subentry_id].title},
    )


@callback
def async_clear(
    hass: HomeAssistant,
    entry: ConductorConfigEntry,
    keep: set[str] | None = None,
) -> None:
    """Take back the entry's repairs, less those in `keep`; those of assistants go with all."""
    registry = ir.async_get(hass)
    prefixes = [_id(entry, key) for key in (OUT_OF_MEMORY, LOAD_FAILED, RUNNING_ON_CPU)]
    prefixes += [_id(entry, key) for key in (NOT_IN_ASSIST, RESTART_NEEDED, DISK_FULL)]
    if keep is None:
        prefixes += [_id(entry, key) for key in (PIPELINE_BROKEN, SERVER_TOO_OLD, SERVER_TOO_NEW)]
    for domain, issue in list(registry.issues):
        if domain == DOMAIN and issue.startswith(tuple(prefixes)) and issue not in (keep or ()):
            ir.async_delete_issue(hass, DOMAIN, issue)


def _trouble(model: Model) -> str | None:
    """Return what is wrong with a model, if the user can do something about it."""
    if model.state is ModelState.FAILED and model.error is not None:
        return OUT_OF_MEMORY if model.error.code == "OOM" else LOAD_FAILED
    return RUNNING_ON_CPU if model.fallback_reason and model.device == "cpu" else None


def _model_issue(hass: HomeAssistant, entry: ConductorConfigEntry, model: Model, key: str) -> str:
    issue = _id(entry, key, model.id)
    reason = model.error.message if model.error else model.fallback_reason or ""
    ir.async_create_issue(
        hass,
        DOMAIN,
        issue,
        data={"entry_id": entry.entry_id, "model": model.id},
        is_fixable=key != RUNNING_ON_CPU,
        severity=ir.IssueSeverity.WARNING if key == RUNNING_ON_CPU else ir.IssueSeverity.ERROR,
        translation_key=key,
        translation_placeholders={"model": model.id, "name": entry.title, "reason": reason},
        learn_more_url=DOCUMENTATION if key == RUNNING_ON_CPU else None,
    )
    return issue


def _entry_issue(hass: HomeAssistant, entry: ConductorConfigEntry) -> str:
    issue = _id(entry, NOT_IN_ASSIST)
    ir.async_create_issue(
        hass,
        DOMAIN,
        issue,
        data={"entry_id": entry.entry_id},
        is_fixable=True,
        severity=ir.IssueSeverity.WARNING,
        translation_key=NOT_IN_ASSIST,
        translation_placeholders={"name": entry.title},
    )
    return issue


def _disk_issue(hass: HomeAssistant, entry: ConductorConfigEntry, free: int) -> str:
    issue = _id(entry, DISK_FULL)
    ir.async_create_issue(
        hass,
        DOMAIN,
        issue,
        data={"entry_id": entry.entry_id},
        is_fixable=True,
        severity=ir.IssueSeverity.WARNING,
        translation_key=DISK_FULL,
        # In steps, so that the issue does not change with every byte.
        translation_placeholders={"name": entry.title, "free": f"{free // 10**8 / 10:.1f} GB"},
    )
    return issue


def _restart_issue(
    hass: HomeAssistant, entry: ConductorConfigEntry, settings: tuple[str, ...]
) -> str:
    issue = _id(entry, RESTART_NEEDED)
    ir.async_create_issue(
        hass,
        DOMAIN,
        issue,
        is_fixable=False,
        severity=ir.IssueSeverity.WARNING,
        translation_key=RESTART_NEEDED,
        translation_placeholders={"name": entry.title, "settings": ", ".join(settings)},
    )
    return issue


def _id(entry: ConductorConfigEntry, key: str, detail: str = "") -> str:
    return f"{key}_{entry.entry_id}_{detail}"


def _rank(version: str) -> int:
    """Return a version as a number; what cannot be read counts as newer than all we know."""
    major = version.partition(".")[0]
    return int(major) if major.isdecimal() else 1_000_000
