"""Checks of hassfest and HACS, as far as they can be run here."""

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from homeassistant.components.blueprint import Blueprint
from homeassistant.components.blueprint.schemas import BLUEPRINT_SCHEMA
from homeassistant.helpers.service import _SERVICES_SCHEMA
from homeassistant.util.yaml import load_yaml

import custom_components.wyoming_conductor as integration
from custom_components.wyoming_conductor import (
    binary_sensor,
    button,
    device_sensors,
    number,
    select,
    sensor,
    switch,
)
from custom_components.wyoming_conductor.const import ACTIVITIES, DOMAIN

HERE = Path(integration.__file__).parent
ROOT = HERE.parents[1]
LANGUAGES = sorted(path.stem for path in (HERE / "translations").glob("*.json"))

RULES_TEXT = """
action-setup appropriate-polling brands common-modules config-flow-test-coverage
config-flow dependency-transparency docs-actions docs-conditions
docs-high-level-description docs-installation-instructions docs-removal-instructions
docs-triggers entity-event-setup entity-unique-id has-entity-name runtime-data
test-before-configure test-before-setup unique-config-entry action-exceptions
config-entry-unloading docs-configuration-parameters docs-installation-parameters
entity-unavailable integration-owner log-when-unavailable parallel-updates
reauthentication-flow test-coverage devices diagnostics discovery-update-info discovery
docs-data-update docs-examples docs-known-limitations docs-supported-devices
docs-supported-functions docs-troubleshooting docs-use-cases dynamic-devices
entity-category entity-device-class entity-disabled-by-default entity-translations
exception-translations icon-translations reconfiguration-flow repair-issues
stale-devices async-dependency inject-websession strict-typing
"""
RULES = set(RULES_TEXT.split())


def read(name: str) -> Any:
    """Return a JSON file of the integration."""
    return json.loads((HERE / name).read_text())


@pytest.fixture(scope="module")
def english() -> dict[str, Any]:
    """English translations."""
    translations: dict[str, Any] = read("translations/en.json")
    return translations


def leaves(tree: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield every string with its path."""
    if isinstance(tree, str):
        yield path, tree
        return
    for key, value in tree.items():
        yield from leaves(value, (*path, key))


def modules() -> dict[Path, ast.Module]:
    """Return the syntax tree of every module of the integration."""
    found = {path: ast.parse(path.read_text()) for path in HERE.rglob("*.py")}
    assert found
    return found


def calls() -> Iterator[ast.Call]:
    """Yield every call in the integration's code."""
    for tree in modules().values():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                yield node


@pytest.mark.quality_scale("integration-owner")
def test_manifest_is_valid() -> None:
    manifest = read("manifest.json")
    keys = list(manifest)
    assert keys == ["domain", "name", *sorted(keys[2:])]
    assert manifest["domain"] == DOMAIN == HERE.name
    assert manifest["documentation"].startswith("https://")
    assert manifest["iot_class"] == "local_push"
    assert manifest["integration_type"] == "hub"
    assert re.fullmatch(r"\d+\.\d+\.\d+", manifest["version"])
    assert manifest["codeowners"]
    assert manifest["issue_tracker"]
    assert all(kind == kind.lower() for kind in manifest["zeroconf"])


def test_imported_components_are_dependencies() -> None:
    manifest = read("manifest.json")
    named = {*manifest["dependencies"], *manifest["after_dependencies"]}
    always = {"homeassistant", "stt", "tts", "sensor", "binary_sensor", "button", "event", "number"}
    always |= {
        "wake_word",
        "select",
        "switch",
        "diagnostics",
        "repairs",
        "system_health",
        "device_automation",
    }
    all_imported = set()
    for path, tree in modules().items():
        for node in ast.walk(tree):
            if not isinstance(node, ast.ImportFrom):
                continue
            if node.module == "homeassistant.components":
                imported = {alias.name for alias in node.names}
            else:
                imported = set(re.findall(r"^homeassistant\.components\.(\w+)", node.module or ""))
            assert imported <= named | always, f"{path.name} imports {imported}"
            all_imported |= imported
    assert {"wyoming", "assist_pipeline"} <= all_imported


def test_hacs_json_is_valid() -> None:
    hacs = json.loads((ROOT / "hacs.json").read_text())
    assert set(hacs) <= {
        *("name", "homeassistant", "hacs", "zip_release", "filename", "hide_default_branch"),
        *("country", "content_in_root", "persistent_directory", "render_readme"),
    }
    assert hacs["name"]
    assert hacs["filename"].endswith(".zip")
    folders = [path for path in (ROOT / "custom_components").iterdir() if path.is_dir()]
    assert [path.name for path in folders if path.name != "__pycache__"] == [DOMAIN]


@pytest.mark.quality_scale("brands")
def test_brand_images_exist() -> None:
    for name, size in (("icon.png", 256), ("icon@2x.png", 512)):
        head = (HERE / "brand" / name).read_bytes()[:24]
        assert head[:8] == b"\x89PNG\r\n\x1a\n"
        assert int.from_bytes(head[16:20]) == int.from_bytes(head[20:24]) == size
    assert (HERE / "brand" / "logo.png").exists()


def test_quality_scale_lists_all_rules() -> None:
    rules = load_yaml(HERE / "quality_scale.yaml")["rules"]
    assert set(rules) == RULES
    assert len(RULES) == 54
    assert "done" in rules.values()
    for rule, status in rules.items():
        if status != "done":
            assert status["status"] == "exempt", rule
            assert status["comment"], rule


def test_services_have_translations_and_icons(english: dict[str, Any]) -> None:
    services = _SERVICES_SCHEMA(load_yaml(HERE / "services.yaml"))
    assert services
    assert set(services) == set(english["services"]) == set(read("icons.json")["services"])
    code = (HERE / "services.py").read_text()
    for name, service in services.items():
        assert f'"{name}"' in code
        texts = english["services"][name]
        assert texts["name"]
        assert texts["description"]
        assert set(service["fields"]) == set(texts["fields"])


@pytest.mark.quality_scale("entity-translations", "icon-translations")
def test_entity_descriptions_have_translations_and_icons(english: dict[str, Any]) -> None:
    icons = read("icons.json")["entity"]
    tables: dict[str, list[Any]] = {
        "sensor": [
            *sensor.SERVER_SENSORS,
            *device_sensors.DEVICE_SENSORS,
            *(sensor.STATE, replace(sensor.STATE, translation_key="voice_state")),
            *(sensor.MEMORY, sensor.LAST_HEARD, *sensor.RESPONSE_TIMES),
        ],
        "binary_sensor": [
            *binary_sensor.SERVER_BINARY_SENSORS,
            binary_sensor.READY,
        ],
        "button": [*button.SERVER_BUTTONS, button.WARM_UP],
        "number": [*number.SETTING_NUMBERS],
        "select": [
            *select.SETTING_SELECTS,
            select.STT_MODEL,
            select.VOICE,
            select.WAKE_WORD,
        ],
        "switch": [
            *switch.SETTING_SWITCHES,
            *(switch.LOADED, replace(switch.LOADED, translation_key="voice_loaded")),
            *(switch.KEEP_LOADED, replace(switch.KEEP_LOADED, translation_key="voice_keep_loaded")),
            switch.KEEP_WARM,
            switch.PAUSED,
        ],
    }
    for platform, descriptions in tables.items():
        keys = {description.translation_key for description in descriptions}
        assert keys == set(english["entity"][platform]), platform
        for description in descriptions:
            has_icon = description.translation_key in icons.get(platform, {})
            has_class = description.device_class not in (None, "enum")
            assert has_icon != has_class, f"{platform}.{description.key}"
            if options := getattr(description, "options", None):
                states = english["entity"][platform][description.translation_key]["state"]
                assert set(states) == set(options)
    states = english["entity"]["event"]["activity"]["state_attributes"]["event_type"]["state"]
    assert set(states) == set(ACTIVITIES)


@pytest.mark.quality_scale("icon-translations")
def test_icons_are_well_formed() -> None:
    icons = dict(leaves(read("icons.json")))
    assert icons
    for path, icon in icons.items():
        assert re.fullmatch(r"mdi:[a-z0-9-]+", icon), path
    for platform in read("icons.json")["entity"].values():
        for entity_icons in platform.values():
            assert entity_icons["default"] not in entity_icons.get("state", {}).values()


@pytest.mark.quality_scale("exception-translations")
def test_exceptions_and_issues_are_translated(english: dict[str, Any]) -> None:
    keys = {
        keyword.value.value
        for call in calls()
        for keyword in call.keywords
        if keyword.arg == "translation_key"
        and isinstance(keyword.value, ast.Constant)
        and any(other.arg == "translation_domain" for other in call.keywords)
    }
    assert keys == set(english["exceptions"])
    issues = (HERE / "issues.py").read_text()
    constants = set(re.findall(r'^[A-Z_]+: Final = "([a-z_]+)"$', issues, re.MULTILINE))
    assert constants == set(english["issues"])
    for issue in english["issues"].values():
        assert ("description" in issue) != ("fix_flow" in issue)


def test_flow_steps_errors_and_aborts_are_translated(english: dict[str, Any]) -> None:
    for name, section in (("config_flow.py", "config"), ("pipeline_flow.py", "config_subentries")):
        code = (HERE / name).read_text()
        texts = english[section] if section == "config" else english[section]["pipeline"]
        steps = set(re.findall(r'step_id="(\w+)"', code)) - {"init"}
        assert steps
        assert steps == set(texts["step"])
        for reason in re.findall(r'reason="(\w+)"', code):
            assert reason in texts["abort"], reason
        for error in re.findall(r'errors\[\S+\] = "(\w+)"', code):
            assert error in texts["error"], error


def test_form_fields_have_descriptions(english: dict[str, Any]) -> None:
    steps = [*english["config"]["step"].values(), *english["options"]["step"].values()]
    steps += english["config_subentries"]["pipeline"]["step"].values()
    assert sum("data" in step for step in steps) > 5
    for step in steps:
        assert set(step.get("data", {})) == set(step.get("data_description", {}))


@pytest.mark.parametrize("language", LANGUAGES)
def test_translation_is_complete_and_well_formed(language: str, english: dict[str, Any]) -> None:
    texts = dict(leaves(read(f"translations/{language}.json")))
    original = dict(leaves(english))
    assert original
    assert set(texts) == set(original)
    for path, text in texts.items():
        assert text == text.strip(), path
        assert not re.search(r"<\w|https?://|\[%key|'\{\w+\}'", text), path
        assert set(re.findall(r"{\w+}", text)) == set(re.findall(r"{\w+}", original[path])), path


def test_panel_and_integration_have_the_same_languages() -> None:
    strings = HERE.parents[1] / "frontend" / "src" / "panel" / "strings"
    assert "en" in LANGUAGES
    assert sorted(path.stem for path in strings.glob("*.json")) == LANGUAGES


@pytest.mark.quality_scale("parallel-updates")
def test_platforms_set_parallel_updates() -> None:
    assert integration.PLATFORMS
    for platform in integration.PLATFORMS:
        code = (HERE / f"{platform}.py").read_text()
        assert re.search(r"^PARALLEL_UPDATES = [01]$", code, re.MULTILINE), platform


def test_package_is_typed_and_does_not_import_server() -> None:
    assert (HERE / "py.typed").exists()
    for path in modules():
        assert "wyoming_servers" not in path.read_text(), path


def test_blueprint_is_valid() -> None:
    blueprints = list((HERE / "blueprints" / "automation").glob("*.yaml"))
    assert blueprints
    for path in blueprints:
        blueprint = Blueprint(
            load_yaml(path), expected_domain="automation", schema=BLUEPRINT_SCHEMA
        )
        assert set(blueprint.inputs) == {"gaming", "free_memory_button", "assistant"}
