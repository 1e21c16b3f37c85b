import resource

import pytest

from wyoming_servers.net.descriptors import (
    MAX_DESCRIPTORS,
    max_connections,
    raise_descriptor_limit,
)


@pytest.mark.parametrize(
    ("limits", "raised"),
    [
        ((1_024, 4_096), 4_096),
        ((1_024, 1_048_576), MAX_DESCRIPTORS),
        ((1_024, resource.RLIM_INFINITY), MAX_DESCRIPTORS),
        ((4_096, 4_096), 4_096),
        ((resource.RLIM_INFINITY, resource.RLIM_INFINITY), MAX_DESCRIPTORS),
    ],
)
def test_soft_limit_is_raised_to_the_hard_limit(
    monkeypatch: pytest.MonkeyPatch, limits: tuple[int, int], raised: int
) -> None:
    written: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda kind: limits)
    monkeypatch.setattr(resource, "setrlimit", lambda kind, values: written.append(values))
    assert raise_descriptor_limit() == raised
    changes = limits[0] not in (raised, resource.RLIM_INFINITY)
    assert written == ([(raised, limits[1])] if changes else [])


def test_limit_that_cannot_be_raised_stays(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(kind: int, values: tuple[int, int]) -> None:
        raise PermissionError("not allowed")

    monkeypatch.setattr(resource, "getrlimit", lambda kind: (1_024, 4_096))
    monkeypatch.setattr(resource, "setrlimit", refuse)
    assert raise_descriptor_limit() == 1_024
    assert "not allowed" in caplog.text


@pytest.mark.parametrize(
    ("descriptors", "connections"), [(1_024, 768), (65_536, 65_280), (256, 128), (20, 16)]
)
def test_connections_leave_descriptors_for_the_rest(descriptors: int, connections: int) -> None:
    assert max_connections(descriptors) == connections
