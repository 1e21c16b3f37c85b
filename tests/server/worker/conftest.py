"""Models for worker tests."""

import pytest

from wyoming_servers.domain import Kind, ModelSpec, Placement


@pytest.fixture
def spec() -> ModelSpec:
    """A speech-to-text model of the fake engine."""
    return ModelSpec(id="fake/asr", kind=Kind.ASR, engine="fake")


@pytest.fixture
def placement() -> Placement:
    return Placement()
