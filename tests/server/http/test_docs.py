import re
from pathlib import Path

import httpx
import pytest

from wyoming_servers.core.errors import CODES

STATIC = Path(__file__).parents[3] / "wyoming_servers" / "http" / "static"


@pytest.mark.parametrize("page", ["/docs", "/redoc"])
async def test_docs_pages_load_only_files_of_this_server(
    anonymous: httpx.AsyncClient, page: str
) -> None:
    answer = await anonymous.get(page)
    assert answer.status_code == 200
    assert answer.headers["content-security-policy"].startswith("default-src 'self'")
    links = re.findall(r'(?:src|href|spec-url)="([^"]+)"', answer.text)
    assert any("static/" in link for link in links)
    for link in links:
        if link.startswith("data:"):
            continue
        assert "//" not in link
        assert (await anonymous.get(f"/{link}")).status_code == 200


async def test_error_reference_explains_every_code(anonymous: httpx.AsyncClient) -> None:
    answer = await anonymous.get("/docs/errors")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert answer.headers["content-security-policy"].startswith("default-src 'self'")
    rows = dict(re.findall(r'<tr id="([A-Z_]+)">(.*)', answer.text))
    assert set(rows) == CODES
    assert "may succeed" in rows["OOM"]
    assert "fails again" in rows["MODEL_MISSING"]
    assert "models.&lt;id&gt;.device: cpu" in rows["OOM"]


async def test_swagger_init_script_loads_the_openapi_document(anonymous: httpx.AsyncClient) -> None:
    script = (await anonymous.get("/static/swagger-init.js")).text
    assert '"openapi.json"' in script
    paths = (await anonymous.get("/openapi.json")).json()["paths"]
    assert "/models/{model}/load" in paths


async def test_third_party_files_come_with_their_licenses(anonymous: httpx.AsyncClient) -> None:
    for name in ("swagger-ui.LICENSE", "swagger-ui.NOTICE", "redoc.LICENSE"):
        assert (STATIC / name).stat().st_size > 0
    assert "http" not in (STATIC / "swagger.html").read_text()
