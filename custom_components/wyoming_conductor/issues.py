"""Repair issues, created from the snapshot and deleted when their cause is gone.

An issue is only created for a problem that the user can act on.
"""

from collections.abc import Mapping
from typing import Any, Final

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_HOST, CONF_PORT
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir
from yarl import URL

from .api import Feature, Model, ModelState
from .const import API_VERSIONS, CONF_ADD_TO_ASSIST, CONF_TLS, DOMAIN
from .snapshot import Snapshot
from .wyoming import async_missing_services

OUT_OF_MEMORY: Final = "out_of_memory"
LOAD_FAILED: Final = "model_load_failed"
RUNNING_ON_CPU: Final = "running_on_cpu"
DISK_FULL: Final = "disk_full"
FILE_SET_ASIDE: Final = "file_set_aside"
NOT_IN_ASSIST: Final = "server_not_in_assist"
PIPELINE_BROKEN: Final = "pipeline_broken"
ASSISTANTS_MOVABLE: Final = "assistants_movable"
"""Assistants use the server through the Wyoming integration."""
RESTART_NEEDED: Final = "restart_needed"
RESTART_OFFERED: Final = "restart_offered"
"""The same for a server that can be restarted over HTTP."""
ADDRESS_CHANGED: Final = "address_changed"
SERVER_TOO_OLD: Final = "server_too_old"
SERVER_TOO_NEW: Final = "server_too_new"

SNAPSHOT_ISSUES: Final = (
    OUT_OF_MEMORY,
    LOAD_FAILED,
    RUNNING_ON_CPU,
    DISK_FULL,
    FILE_SET_ASIDE,
    NOT_IN_ASSIST,
    RESTART_NEEDED,
    RESTART_OFFERED,
)
"""Issues that follow from the snapshot alone."""

DOCUMENTATION_URL: Final = (
    "https://github.com/wyoming-conductor/wyoming-conductor/blob/main/docs/home-assistant.md"
)
RELIABILITY_URL: Final = (
    "https://github.com/wyoming-conductor/wyoming-conductor/blob/main/docs/reliability.md"
)


@callback
def async_update_issues(hass: HomeAssistant, entry: ConfigEntry, snapshot: Snapshot) -> None:
    """Create the issues that follow from the snapshot and delete those that no longer do."""
    current: set[str] = set()
    for model in snapshot.status.models.values():
        if (key := _model_problem(model)) is not None:
            current.add(_create_model_issue(hass, entry, model, key))
    if entry.options.get(CONF_ADD_TO_ASSIST) and async_missing_services(
        hass, snapshot.info.uuid, snapshot.info.ports
    ):
        current.add(_create_issue(hass, entry, NOT_IN_ASSIST, is_fixable=True))
    if snapshot.config is not None and snapshot.config.restart_needed:
        settings = ", ".join(snapshot.config.restart_needed)
        can_restart = Feature.RESTART in snapshot.info.features
        key = RESTART_OFFERED if can_restart else RESTART_NEEDED
        current.add(_create_issue(hass, entry, key, is_fixable=can_restart, settings=settings))
    if snapshot.disk_free is not None and snapshot.is_disk_low:
        # Rounded, so that the issue does not change with every byte.
        free = f"{snapshot.disk_free // 10**8 / 10:.1f} GB"
        current.add(_create_issue(hass, entry, DISK_FULL, is_fixable=True, free=free))
    for file in snapshot.status.damaged_files:
        current.add(
            _create_issue(
                hass,
                entry,
                FILE_SET_ASIDE,
                detail=file.moved_to,
                learn_more_url=RELIABILITY_URL,
                path=file.path,
                moved_to=file.moved_to,
                reason=file.reason,
            )
        )
    _delete_issues(hass, entry, SNAPSHOT_ISSUES, keep=current)


@callback
def async_create_version_issue(hass: HomeAssistant, entry: ConfigEntry, api_version: str) -> None:
    """Create the issue of an unsupported API version."""
    is_old = _major_version(api_version) < _major_version(API_VERSIONS[0])
    _create_issue(
        hass,
        entry,
        SERVER_TOO_OLD if is_old else SERVER_TOO_NEW,
        severity=ir.IssueSeverity.ERROR,
        learn_more_url=DOCUMENTATION_URL,
        version=api_version,
    )


@callback
def async_delete_version_issues(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Delete the issue of an unsupported API version."""
    _delete_issues(hass, entry, (SERVER_TOO_OLD, SERVER_TOO_NEW))


@callback
def async_create_address_issue(
    hass: HomeAssistant, entry: ConfigEntry, announced: dict[str, Any]
) -> None:
    """Ask whether a server that does not answer has moved to an announced host, port and TLS."""
    _create_issue(
        hass,
        entry,
        ADDRESS_CHANGED,
        data=announced,
        is_fixable=True,
        old=_url(entry.data),
        new=_url(announced),
    )


@callback
def async_delete_address_issue(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Delete the issue of an announced address."""
    _delete_issues(hass, entry, (ADDRESS_CHANGED,))


@callback
def async_update_pipeline_issue(
    hass: HomeAssistant, entry: ConfigEntry, subentry_id: str, *, broken: bool
) -> None:
    """Create or delete the issue of a managed assistant."""
    if not broken:
        ir.async_delete_issue(hass, DOMAIN, _issue_id(entry, PIPELINE_BROKEN, subentry_id))
        return
    _create_issue(
        hass,
        entry,
        PIPELINE_BROKEN,
        detail=subentry_id,
        data={"subentry_id": subentry_id},
        is_fixable=True,
        severity=ir.IssueSeverity.ERROR,
        name=entry.subentries[subentry_id].title,
    )


@callback
def async_update_movable_issue(hass: HomeAssistant, entry: ConfigEntry, count: int) -> None:
    """Offer to move this many assistants to the entities of this integration."""
    if not count:
        _delete_issues(hass, entry, (ASSISTANTS_MOVABLE,))
        return
    _create_issue(hass, entry, ASSISTANTS_MOVABLE, is_fixable=True, count=str(count))


@callback
def async_delete_issues(hass: HomeAssistant, entry: ConfigEntry) -> None:
    """Delete all issues of a config entry."""
    keys = (PIPELINE_BROKEN, ASSISTANTS_MOVABLE, SERVER_TOO_OLD, SERVER_TOO_NEW, ADDRESS_CHANGED)
    _delete_issues(hass, entry, (*SNAPSHOT_ISSUES, *keys))


def _model_problem(model: Model) -> str | None:
    """Return the issue of a model; None if it has none."""
    if not model.installed:
        return None  # The server tries the download again; loading cannot be retried here.
    if model.state is ModelState.FAILED and model.error is not None:
        return OUT_OF_MEMORY if model.error.code == "OOM" else LOAD_FAILED
    return RUNNING_ON_CPU if model.fallback_reason and model.device == "cpu" else None


def _create_model_issue(hass: HomeAssistant, entry: ConfigEntry, model: Model, key: str) -> str:
    is_failure = key != RUNNING_ON_CPU
    return _create_issue(
        hass,
        entry,
        key,
        detail=model.id,
        data={"model": model.id},
        is_fixable=is_failure,
        severity=ir.IssueSeverity.ERROR if is_failure else ir.IssueSeverity.WARNING,
        learn_more_url=None if is_failure else DOCUMENTATION_URL,
        model=model.id,
        reason=model.error.message if model.error else model.fallback_reason or "",
    )


def _create_issue(
    hass: HomeAssistant,
    entry: ConfigEntry,
    key: str,
    *,
    detail: str = "",
    data: dict[str, Any] | None = None,
    is_fixable: bool = False,
    severity: ir.IssueSeverity = ir.IssueSeverity.WARNING,
    learn_more_url: str | None = None,
    **placeholders: str,
) -> str:
    """Create or update an issue; `detail` separates several of one key. Returns its id."""
    issue_id = _issue_id(entry, key, detail)
    ir.async_create_issue(
        hass,
        DOMAIN,
        issue_id,
        data={"entry_id": entry.entry_id, **(data or {})},
        is_fixable=is_fixable,
        severity=severity,
        translation_key=key,
        translation_placeholders={"name": entry.title, **placeholders},
        learn_more_url=learn_more_url,
    )
    return issue_id


def _delete_issues(
    hass: HomeAssistant,
    entry: ConfigEntry,
    keys: tuple[str, ...],
    keep: set[str] | None = None,
) -> None:
    """Delete the issues of these keys except the ids in `keep`."""
    prefixes = tuple(_issue_id(entry, key) for key in keys)
    for domain, issue_id in list(ir.async_get(hass).issues):
        if domain == DOMAIN and issue_id.startswith(prefixes) and issue_id not in (keep or ()):
            ir.async_delete_issue(hass, DOMAIN, issue_id)


def _issue_id(entry: ConfigEntry, key: str, detail: str = "") -> str:
    return f"{key}_{entry.entry_id}_{detail}"


def _url(data: Mapping[str, Any]) -> str:
    scheme = "https" if data.get(CONF_TLS) else "http"
    return str(URL.build(scheme=scheme, host=str(data[CONF_HOST]), port=int(data[CONF_PORT])))


def _major_version(version: str) -> int:
    """Return the major version; one that cannot be parsed counts as newer than all known ones."""
    major = version.partition(".")[0]
    return int(major) if major.isdecimal() else 1_000_000
