"""Prints the addresses and ports of the services that are announced on this network, as JSON.

usage: browse.py 4|6 SECONDS NAME…: stops as soon as instances with all these names are known.
"""

import json
import sys
import time

from zeroconf import IPVersion, ServiceBrowser, ServiceListener, Zeroconf

_TYPES = ["_wyoming._tcp.local.", "_wyconductor._tcp.local."]


class Listener(ServiceListener):
    """Keeps what is announced."""

    def __init__(self) -> None:
        self.found: dict[str, dict[str, object]] = {}

    def add_service(self, zc: Zeroconf, type_: str, name: str) -> None:
        info = zc.get_service_info(type_, name)
        if info is not None:
            self.found[name] = {
                "addresses": info.parsed_addresses(IPVersion.All),
                "port": info.port,
            }

    update_service = add_service

    def remove_service(self, zc: Zeroconf, type_: str, name: str) -> None:
        self.found.pop(name, None)


def main() -> None:
    version = IPVersion.V4Only if sys.argv[1] == "4" else IPVersion.V6Only
    deadline = time.monotonic() + float(sys.argv[2])
    listener = Listener()
    zeroconf = Zeroconf(ip_version=version)
    browser = ServiceBrowser(zeroconf, _TYPES, listener)
    while time.monotonic() < deadline:
        if all(any(name in known for known in listener.found) for name in sys.argv[3:]):
            break
        time.sleep(0.05)
    print(json.dumps(listener.found))  # noqa: T201  (its output)
    browser.cancel()
    zeroconf.close()


main()
