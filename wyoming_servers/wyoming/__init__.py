"""The Wyoming edge: sockets, sessions, and the translation of Wyoming events into pipeline calls.

Each service has a port of its own. `servers` opens the ports, `connection` reads and bounds what a
client sends, the sessions in `asr`, `tts` and `wake` translate events, `info` answers `describe`,
and `discovery` announces the ports on the local network.
"""
