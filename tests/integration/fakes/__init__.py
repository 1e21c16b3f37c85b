"""Fake servers: `conductor` implements the HTTP API, `wyoming` answers `describe`.

Both listen on the loopback interface, so that the real clients are tested.
"""
