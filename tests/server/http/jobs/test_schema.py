"""Conformance of every response to the OpenAPI document."""

import asyncio
from typing import Any

import hypothesis
import pytest
import schemathesis
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import Failure
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

ENDLESS = ("/events", "/model/events")

CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
)

EXAMPLES = hypothesis.settings(
    max_examples=8,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[hypothesis.Phase.generate],
    suppress_health_check=list(hypothesis.HealthCheck),
)


@pytest.fixture
def settings(settings: dict[str, Any]) -> dict[str, Any]:
    settings["limits"] = {"max_requests_per_second": 100_000}
    return settings


def try_out(operation: Any, base_url: str, token: str) -> tuple[int, str]:
    """Send some valid and invalid requests; return their number and the first failure."""
    sent = 0

    @EXAMPLES
    @hypothesis.given(case=operation.as_strategy())
    def ask(case: Any) -> None:
        nonlocal sent
        case.headers = {**(case.headers or {}), "Authorization": f"Bearer {token}"}
        answer = case.call(base_url=base_url, timeout=20)
        sent += 1
        if answer.status_code == 503:
            return  # busy, or a model that is being loaded: promised, and no fault
        case.validate_response(answer, checks=CHECKS)

    try:
        ask()
    except (Failure, ExceptionGroup) as err:
        return sent, f"{operation.label}: {err}"
    return sent, ""


async def test_every_operation_conforms_to_the_openapi_document(live, app) -> None:
    schema = schemathesis.openapi.from_dict(app.openapi())
    sent, faults = 0, []
    for result in schema.get_all_operations():
        operation = result.ok()
        if operation.path in ENDLESS:
            continue
        base = str(live.base_url).rstrip("/")
        count, fault = await asyncio.to_thread(try_out, operation, base, "s3cret")
        sent += count
        faults += [fault] if fault else []
    assert faults == []
    assert sent > 200
