"""Servers to test against: `conductor` speaks our HTTP API, `wyoming` answers `describe`.

Both are real servers on the loopback interface, so nothing of the client is replaced.
"""
