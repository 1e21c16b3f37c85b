"""`update` against a server that answers as the project's site does."""

import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from wyoming_servers import __version__
from wyoming_servers.cli.commands import update


class Site(http.server.BaseHTTPRequestHandler):
    """Answers every request with `content`."""

    content = b""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.content)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def site() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/latest"
        server.shutdown()
        thread.join()


def release(version: str) -> bytes:
    return json.dumps({"tag_name": f"v{version}", "html_url": "https://example.org/r"}).encode()


def test_update_tells_of_a_newer_version_and_how_to_get_it(run: Any, site: str) -> None:
    Site.content = release("99.1.0")
    result = run("update", "--url", site)
    assert result.exit_code == 0
    assert f"Version 99.1.0 is available; {__version__} is installed." in result.stdout
    assert "https://example.org/r" in result.stdout
    document = json.loads(run("update", "--url", site, "--json").stdout)
    assert (document["update_available"], document["newest"]) == (True, "99.1.0")


def test_update_tells_that_nothing_is_newer(run: Any, site: str) -> None:
    Site.content = release(__version__)
    assert run("update", "--url", site).stdout == f"Version {__version__} is the newest.\n"


@pytest.mark.parametrize("content", [b"<html>", b"[]", b'{"tag_name": "nightly"}'])
def test_update_reports_an_unexpected_answer(run: Any, site: str, content: bytes) -> None:
    Site.content = content
    result = run("update", "--url", site)
    assert (result.exit_code, "UPDATE_UNKNOWN" in result.output) == (1, True)


def test_update_without_a_network_says_where_to_look(run: Any) -> None:
    result = run("update", "--url", "http://127.0.0.1:9/")
    assert result.exit_code == 1
    assert "/releases" in result.output


def test_versions_are_ordered() -> None:
    versions = ["0.9.9", "1.0.0a1", "1.0.0rc1", "1.0.0rc2", "1.0.0", "1.0.10"]
    assert sorted(versions, key=update._key) == versions


def test_update_names_the_way_of_the_installation(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setenv("SUPERVISOR_TOKEN", "x")
    assert "Settings > Apps" in update._upgrade_command()
