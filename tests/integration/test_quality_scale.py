"""Checks of the rules that `quality_scale.yaml` calls done.

hassfest does not check the quality scale of custom integrations. Rules about the code, the entities
and the documentation are checked here; rules about behavior are proven by the tests that carry
`@pytest.mark.quality_scale("rule")`, here and in the other modules.
"""

import ast
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from fakes.conductor import FakeConductor
from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from homeassistant.helpers.entity import Entity
from homeassistant.helpers.entity_platform import async_get_platforms
from homeassistant.helpers.update_coordinator import DataUpdateCoordinator
from homeassistant.util.yaml import load_yaml
from pytest_homeassistant_custom_component.common import MockConfigEntry

import custom_components.wyoming_conductor as integration
from custom_components.wyoming_conductor import config_flow
from custom_components.wyoming_conductor.const import DOMAIN
from custom_components.wyoming_conductor.coordinator import ConductorCoordinator
from custom_components.wyoming_conductor.data import ConductorRuntimeData
from custom_components.wyoming_conductor.entity import ConductorEntity
from custom_components.wyoming_conductor.helpers import create_client

HERE = Path(integration.__file__).parent
TESTS = Path(__file__).parent
ROOT = HERE.parents[1]
DOCUMENTATION = (ROOT / "docs" / "home-assistant.md").read_text()

MANIFEST: dict[str, Any] = json.loads((HERE / "manifest.json").read_text())
ENGLISH: dict[str, Any] = json.loads((HERE / "translations" / "en.json").read_text())
RULES: dict[str, Any] = load_yaml(HERE / "quality_scale.yaml")["rules"]

TRANSLATED_ERRORS = {
    *("HomeAssistantError", "ServiceValidationError", "UpdateFailed"),
    *("ConfigEntryAuthFailed", "ConfigEntryError", "ConfigEntryNotReady"),
}

PRIMARY_ENTITIES = {
    *("activity", "free_memory", "last_heard", "ready", "response_time", "warm_up"),
}
"""Translation keys of the entities that are neither diagnostic nor settings."""


def parse(path: Path) -> ast.Module:
    """Return the syntax tree of a module."""
    return ast.parse(path.read_text())


@cache
def proofs() -> dict[str, list[ast.AsyncFunctionDef | ast.FunctionDef]]:
    """Return the tests that are marked with each rule."""
    marked: dict[str, list[ast.AsyncFunctionDef | ast.FunctionDef]] = {}
    for path in TESTS.glob("test_*.py"):
        for node in parse(path).body:
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            for decorator in node.decorator_list:
                if isinstance(decorator, ast.Call) and ast.unparse(decorator.func).endswith(
                    "mark.quality_scale"
                ):
                    for argument in decorator.args:
                        marked.setdefault(ast.literal_eval(argument), []).append(node)
    return marked


def section(heading: str) -> str:
    """Return the text of a section of the documentation, with its subsections."""
    level = len(heading.partition(" ")[0])
    lines: list[str] = []
    is_inside = is_code = False
    for line in DOCUMENTATION.splitlines():
        is_code ^= line.startswith("```")
        marks = re.match(r"(#+) ", line)
        if marks and not is_code and (line == heading or len(marks[1]) <= level):
            is_inside = line == heading
        elif is_inside:
            lines.append(line)
    assert lines, f"The documentation has no section {heading!r}"
    return "\n".join(lines)


def assert_mentions(text: str, names: Iterator[str] | list[str]) -> None:
    """Fail unless a text contains all names, ignoring case."""
    names = list(names)
    assert names
    missing = [name for name in names if name.casefold() not in text.casefold()]
    assert not missing


def test_done_rules_are_proven() -> None:
    done = {rule for rule, status in RULES.items() if status == "done"}
    assert done
    assert proofs().keys() == done
    for rule, tests in proofs().items():
        for test in tests:
            assert any(
                isinstance(node, ast.Assert)
                or (isinstance(node, ast.Call) and "raises" in ast.unparse(node.func))
                or (isinstance(node, ast.Call) and "assert_" in ast.unparse(node.func))
                for node in ast.walk(test)
            ), f"{test.name} does not check {rule}"


def test_exempt_rules_do_not_apply() -> None:
    exempt = {rule for rule, status in RULES.items() if status != "done"}
    assert exempt == {
        *("dependency-transparency", "async-dependency", "docs-conditions", "docs-triggers"),
    }
    assert not (HERE / "device_trigger.py").exists()
    assert MANIFEST["requirements"] == []
    assert not (HERE / "condition.py").exists()
    assert not (HERE / "device_condition.py").exists()


# Code


@pytest.mark.quality_scale("action-setup")
async def test_services_are_registered_without_config_entry(home: HomeAssistant) -> None:
    assert not home.config_entries.async_entries(DOMAIN)
    services = home.services.async_services_for_domain(DOMAIN)
    assert set(services) == set(load_yaml(HERE / "services.yaml"))


@pytest.mark.quality_scale("common-modules")
def test_common_modules_are_used() -> None:
    assert issubclass(ConductorCoordinator, DataUpdateCoordinator)
    entities: list[type[Entity]] = []
    for platform in integration.PLATFORMS:
        module = __import__(f"{integration.__name__}.{platform}", fromlist=["*"])
        entities += [
            value
            for value in vars(module).values()
            if isinstance(value, type)
            and issubclass(value, Entity)
            and value.__module__ == module.__name__
        ]
    assert len(entities) > len(integration.PLATFORMS)
    assert all(issubclass(entity, ConductorEntity) for entity in entities)


@pytest.mark.quality_scale("config-flow")
def test_config_flow_stores_settings_in_options() -> None:
    assert MANIFEST["config_flow"] is True
    assert {str(key) for key in config_flow.ADDRESS_SCHEMA.schema} == {
        *("host", "port", "token", "tls"),
    }
    assert not {str(key) for key in config_flow.OPTIONS_SCHEMA.schema} & {
        str(key) for key in config_flow.ADDRESS_SCHEMA.schema
    }


@pytest.mark.quality_scale("config-flow-test-coverage")
def test_config_flow_errors_and_aborts_are_tested() -> None:
    tests = "".join(
        (TESTS / f"test_{name}.py").read_text()
        for name in ("config_flow", "init", "address_change", "pairing")
    )
    tests += (TESTS / "test_assist_pipeline.py").read_text()
    code = "".join((HERE / name).read_text() for name in ("config_flow.py", "pipeline_flow.py"))
    results = set(re.findall(r'reason="(\w+)"|errors\[\S+\] = "(\w+)"|step_id="(\w+)"', code))
    names = {name for groups in results for name in groups if name}
    assert len(names) > 10
    # The steps of the options flow and the subentry flow are named by Home Assistant.
    assert {name for name in names if f'"{name}"' not in tests} == set()


@pytest.mark.quality_scale("exception-translations")
def test_raised_errors_are_translated() -> None:
    raised = [
        node.exc
        for path in HERE.rglob("*.py")
        if path.parent.name != "api"
        for node in ast.walk(parse(path))
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)
    ]
    translated = [call for call in raised if ast.unparse(call.func) in TRANSLATED_ERRORS]
    assert len(translated) > 5
    for call in translated:
        keywords = {keyword.arg for keyword in call.keywords}
        assert {"translation_domain", "translation_key"} <= keywords, ast.unparse(call)


@pytest.mark.quality_scale("inject-websession")
async def test_client_uses_session_of_home_assistant(home: HomeAssistant) -> None:
    client = create_client(home, {"host": "127.0.0.1", "port": 1})
    assert client._session is async_get_clientsession(home)
    sources = [path.read_text() for path in HERE.rglob("*.py")]
    assert sources
    assert not any("ClientSession(" in source for source in sources)


@pytest.mark.quality_scale("strict-typing")
def test_types_are_checked_strictly() -> None:
    assert (HERE / "py.typed").exists()
    assert re.search(r"mypy.*--strict.*\n?.*custom_components", (ROOT / "script/lint").read_text())
    sources = [path.read_text() for path in HERE.rglob("*.py")]
    assert sources
    assert not any("type: ignore" in source for source in sources)


@pytest.mark.quality_scale("test-coverage")
def test_coverage_is_enforced() -> None:
    match = re.search(r"--cov-fail-under=(\d+)", (ROOT / "script/test").read_text())
    assert match
    assert int(match[1]) >= 95


# Entities


@pytest.mark.quality_scale("appropriate-polling")
async def test_entities_are_updated_by_push(
    home: HomeAssistant, loaded_entry: MockConfigEntry
) -> None:
    assert MANIFEST["iot_class"] == "local_push"
    entities = [
        entity
        for platform in async_get_platforms(home, DOMAIN)
        for entity in platform.entities.values()
    ]
    assert entities
    assert not any(entity.should_poll for entity in entities)
    interval = loaded_entry.runtime_data.coordinator.update_interval
    assert interval.total_seconds() >= 10


@pytest.mark.quality_scale("entity-unique-id", "has-entity-name", "entity-translations")
async def test_entities_have_unique_ids_and_translated_names(
    home: HomeAssistant, loaded_entry: MockConfigEntry, entity_registry: er.EntityRegistry
) -> None:
    entities = er.async_entries_for_config_entry(entity_registry, loaded_entry.entry_id)
    assert entities
    # Only entities with a unique id are in the registry.
    assert {state.entity_id for state in home.states.async_all()} >= {
        entity.entity_id for entity in entities if not entity.disabled_by
    }
    for entity in entities:
        assert entity.has_entity_name
        if entity.domain != "stt":  # has the name of its model's device
            assert entity.translation_key in ENGLISH["entity"][entity.domain]


@pytest.mark.quality_scale("entity-category")
async def test_entities_have_categories(
    loaded_entry: MockConfigEntry, entity_registry: er.EntityRegistry
) -> None:
    entities = er.async_entries_for_config_entry(entity_registry, loaded_entry.entry_id)
    without_category = {
        entity.translation_key
        for entity in entities
        if entity.entity_category is None and entity.domain not in ("stt", "tts")
    }
    # Assistants have primary entities, too.
    assert without_category == PRIMARY_ENTITIES - {
        "last_heard",
        "ready",
        "response_time",
        "warm_up",
    }


@pytest.mark.quality_scale("entity-device-class")
async def test_sensors_with_units_have_device_classes(
    loaded_entry: MockConfigEntry, entity_registry: er.EntityRegistry
) -> None:
    entities = er.async_entries_for_config_entry(entity_registry, loaded_entry.entry_id)
    with_unit = [
        entity
        for entity in entities
        if entity.domain == "sensor"
        and entity.unit_of_measurement in ("s", "GiB", "MiB", "W", "°C")
    ]
    assert with_unit
    assert all(entity.original_device_class for entity in with_unit)


@pytest.mark.quality_scale("entity-event-setup")
async def test_listeners_are_removed_on_unload(
    home: HomeAssistant, loaded_entry: MockConfigEntry
) -> None:
    coordinator = loaded_entry.runtime_data.coordinator
    assert coordinator._listeners
    assert coordinator._event_listeners
    assert await home.config_entries.async_unload(loaded_entry.entry_id)
    assert not coordinator._listeners
    assert not coordinator._event_listeners


@pytest.mark.quality_scale("runtime-data")
async def test_entry_has_typed_runtime_data(loaded_entry: MockConfigEntry) -> None:
    assert isinstance(loaded_entry.runtime_data, ConductorRuntimeData)
    assert not any("hass.data[DOMAIN]" in path.read_text() for path in HERE.rglob("*.py"))


@pytest.mark.quality_scale("discovery")
async def test_zeroconf_type_is_that_of_the_server(conductor: FakeConductor) -> None:
    assert MANIFEST["zeroconf"] == ["_wyconductor._tcp.local."]
    discovery = (ROOT / "wyoming_servers").rglob("discovery.py")
    assert any(MANIFEST["zeroconf"][0] in path.read_text() for path in discovery)


# Documentation


@pytest.mark.quality_scale("docs-high-level-description")
def test_documentation_describes_integration() -> None:
    title, _, introduction = DOCUMENTATION.partition("\n\n")
    assert title == "# Wyoming Conductor in Home Assistant"
    assert len(introduction.partition("\n## ")[0].split()) > 30


@pytest.mark.quality_scale("docs-installation-instructions")
def test_documentation_describes_installation() -> None:
    assert_mentions(section("## Installation"), ["HACS", "Restart Home Assistant", DOMAIN])


@pytest.mark.quality_scale("docs-installation-parameters")
def test_documentation_describes_setup_fields() -> None:
    steps = ENGLISH["config"]["step"]
    assert_mentions(
        section("## Installation"),
        [value for step in ("user", "pair", "assistant") for value in steps[step]["data"].values()],
    )


@pytest.mark.quality_scale("docs-configuration-parameters")
def test_documentation_describes_options() -> None:
    assert_mentions(section("## Options"), [*ENGLISH["options"]["step"]["init"]["data"].values()])


@pytest.mark.quality_scale("docs-supported-functions")
def test_documentation_describes_entities() -> None:
    names = [
        re.sub(r"\{\w+\} ?", "", entity["name"])
        for platform in ENGLISH["entity"].values()
        for entity in platform.values()
    ]
    assert_mentions(section("## What there is"), names)


@pytest.mark.quality_scale("docs-actions")
def test_documentation_describes_services() -> None:
    assert_mentions(
        section("### Services"),
        [f"`{DOMAIN}.{service}`" for service in load_yaml(HERE / "services.yaml")],
    )


@pytest.mark.quality_scale(
    "docs-data-update",
    "docs-examples",
    "docs-known-limitations",
    "docs-removal-instructions",
    "docs-supported-devices",
    "docs-troubleshooting",
    "docs-use-cases",
)
@pytest.mark.parametrize(
    ("heading", "contents"),
    [
        ("## How data is updated", ["server-sent events", "poll", "unavailable"]),
        ("## Examples", ["```yaml", "action: wyoming_conductor.", "blueprint"]),
        ("## Known limitations", ["\n- "]),
        ("## Removal", ["Delete", "HACS"]),
        ("## Supported servers", ["version 1"]),
        ("## Troubleshooting", ["diagnostics", "token", "| --- | --- |"]),
        ("## What it is good for", ["\n- "]),
    ],
)
def test_documentation_has_section(heading: str, contents: list[str]) -> None:
    assert_mentions(section(heading), contents)
