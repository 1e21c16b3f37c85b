from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from wyoming_servers.core.event_bus import EventBus
from wyoming_servers.http.app import create_app
from wyoming_servers.http.context import ApiContext
from wyoming_servers.models.residency import Pins


@pytest.fixture
async def pins(tmp_path: Path, bus: EventBus) -> Pins:
    return await Pins.open(tmp_path / "pins.json", bus)


@pytest.fixture
def app(context: ApiContext, coordinator: Any, pins: Pins) -> FastAPI:
    specs = {name: status.spec for name, status in coordinator.models.items()}
    return create_app(replace(context, pins=pins, specs=specs))


async def test_client_pins_models_and_lets_them_go(client: httpx.AsyncClient, pins: Pins) -> None:
    answer = await client.put("/pins/home", json={"models": ["whisper/base", "piper/joe"]})
    assert answer.json() == {"owner": "home", "models": ["whisper/base", "piper/joe"]}
    await client.put("/pins/page", json={"models": ["whisper/base"]})
    await client.put("/pins/home", json={"models": ["piper/joe"]})
    assert (await client.get("/pins")).json() == {
        "pins": [
            {"owner": "home", "models": ["piper/joe"]},
            {"owner": "page", "models": ["whisper/base"]},
        ]
    }
    assert (await client.delete("/pins/home")).json() == {"owner": "home", "models": []}
    assert pins.by_model() == {"whisper/base": ("page",)}
    assert (await client.delete("/pins/home")).status_code == 404


async def test_models_that_are_not_installed_cannot_be_pinned(
    client: httpx.AsyncClient, pins: Pins
) -> None:
    answer = await client.put("/pins/home", json={"models": ["whisper/base", "whisper/huge"]})
    assert (answer.status_code, answer.json()["code"]) == (404, "MODEL_MISSING")
    assert pins.all() == {}
