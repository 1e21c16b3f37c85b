"""Each rule that `quality_scale.yaml` calls done, with what proves it."""

import ast
import re
from pathlib import Path
from typing import Any

import pytest
from homeassistant.util.yaml import load_yaml

import custom_components.wyoming_conductor as integration

HERE = Path(integration.__file__).parent
TESTS = Path(__file__).parent
DOCUMENTATION = (HERE.parents[1] / "docs" / "home-assistant.md").read_text()

SCALE: dict[str, Any] = load_yaml(HERE / "quality_scale.yaml")["rules"]

PROOFS = {
    "action-exceptions": "test_controls::test_a_refusal_reaches_the_user_in_words",
    "action-setup": "test_services::test_a_server_that_is_not_loaded_is_refused",
    "appropriate-polling": "test_coordinator::test_a_state_change_shows_at_once_without_a_question",
    "brands": "test_hassfest::test_the_brand_has_its_pictures",
    "config-entry-unloading": "test_init::test_unloading_ends_the_stream_and_the_entities",
    "config-flow": "test_config_flow::test_a_user_adds_a_server",
    "config-flow-test-coverage": (
        "test_config_flow::test_a_form_says_what_is_wrong_and_goes_on_when_it_is_right"
    ),
    "devices": "test_platforms::test_all_devices",
    "diagnostics": "test_support::test_diagnostics_tell_all_but_who_the_user_is",
    "discovery": "test_config_flow::test_a_server_is_found_by_zeroconf",
    "discovery-update-info": "test_config_flow::test_a_server_that_is_found_elsewhere_has_moved",
    "dynamic-devices": (
        "test_init::test_a_model_that_appears_gets_a_device_and_one_that_goes_loses_it"
    ),
    "entity-category": "test_platforms::test_all_entities_of_a_platform",
    "entity-device-class": "test_platforms::test_all_entities_of_a_platform",
    "entity-disabled-by-default": (
        "test_platforms::test_noisy_sensors_are_disabled_until_somebody_wants_them"
    ),
    "entity-event-setup": "test_support::test_an_automation_reacts_to_what_happens",
    "entity-translations": "test_hassfest::test_every_entity_has_a_name_and_an_icon",
    "entity-unavailable": (
        "test_coordinator::test_a_stream_that_breaks_makes_entities_unavailable_until_it_is_back"
    ),
    "entity-unique-id": ("test_platforms::test_unique_ids_name_the_installation_never_its_address"),
    "exception-translations": (
        "test_hassfest::test_every_exception_and_issue_in_the_code_has_a_text"
    ),
    "has-entity-name": "test_platforms::test_all_entities_of_a_platform",
    "icon-translations": (
        "test_hassfest::test_icons_are_well_formed_and_no_state_repeats_the_default"
    ),
    "integration-owner": "test_hassfest::test_the_manifest_is_what_hassfest_wants",
    "log-when-unavailable": (
        "test_coordinator::test_a_stream_that_breaks_makes_entities_unavailable_until_it_is_back"
    ),
    "parallel-updates": "test_hassfest::test_platforms_say_how_many_updates_may_run_at_once",
    "reauthentication-flow": "test_config_flow::test_a_new_token_lets_us_in_again",
    "reconfiguration-flow": "test_config_flow::test_a_server_can_be_moved_by_hand",
    "repair-issues": "test_repairs::test_a_repair_goes_when_the_trouble_does",
    "stale-devices": "test_init::test_only_devices_that_are_gone_can_be_deleted_by_hand",
    "strict-typing": "test_hassfest::test_the_package_is_typed_and_alone",
    "test-before-configure": "test_config_flow::test_a_form_says_that_nobody_answers",
    "test-before-setup": "test_init::test_a_server_that_does_not_answer_is_tried_again",
    "unique-config-entry": (
        "test_config_flow::test_a_server_is_added_once_and_its_new_address_taken"
    ),
}
"""By a test of ours."""

HEADINGS = {
    "docs-actions": "### Services",
    "docs-configuration-parameters": "## Options",
    "docs-data-update": "## How data is updated",
    "docs-examples": "## Examples",
    "docs-high-level-description": "# Wyoming Conductor in Home Assistant",
    "docs-installation-instructions": "## Installation",
    "docs-installation-parameters": "| field | meaning |",
    "docs-known-limitations": "## Known limitations",
    "docs-removal-instructions": "## Removal",
    "docs-supported-devices": "## Supported servers",
    "docs-supported-functions": "## What there is",
    "docs-triggers": "### Triggers",
    "docs-troubleshooting": "## Troubleshooting",
    "docs-use-cases": "## What it is good for",
}
"""By a part of the documentation."""

CODE = {
    "common-modules": ("coordinator.py", r"class ConductorCoordinator\(DataUpdateCoordinator"),
    "inject-websession": ("__init__.py", r"async_get_clientsession\(hass\)"),
    "runtime-data": ("coordinator.py", r"type ConductorConfigEntry = ConfigEntry\["),
}
"""By the code itself."""

COVERAGE = {"test-coverage"}
"""By the figure that a run with `--cov` ends with."""


def names_in(module: str) -> set[str]:
    """Return the names of a module's tests."""
    tree = ast.parse((TESTS / f"{module}.py").read_text())
    return {
        node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def test_every_rule_that_is_done_has_a_proof_and_no_other_has() -> None:
    done = {rule for rule, status in SCALE.items() if status == "done"}
    assert done == PROOFS.keys() | HEADINGS.keys() | CODE.keys() | COVERAGE


@pytest.mark.parametrize(("rule", "proof"), PROOFS.items(), ids=PROOFS)
def test_the_test_that_proves_a_rule_exists(rule: str, proof: str) -> None:
    module, _, name = proof.partition("::")
    assert name in names_in(module), rule


@pytest.mark.parametrize(("rule", "heading"), HEADINGS.items(), ids=HEADINGS)
def test_the_documentation_has_what_a_rule_asks_for(rule: str, heading: str) -> None:
    assert heading in DOCUMENTATION.splitlines(), rule


@pytest.mark.parametrize(("rule", "where"), CODE.items(), ids=CODE)
def test_the_code_does_what_a_rule_asks_for(rule: str, where: tuple[str, str]) -> None:
    name, pattern = where
    assert re.search(pattern, (HERE / name).read_text()), rule


def test_every_service_is_documented() -> None:
    services = load_yaml(HERE / "services.yaml")
    for name in services:
        assert f"`wyoming_conductor.{name}`" in DOCUMENTATION
