"""The Wyoming edge: sockets, sessions, and the translation into pipelines.

One port a service. `wyoming.WyomingServers` opens them, `connection` bounds what a client can do,
the sessions (`asr`, `tts`, `wake`) translate Wyoming's events into the calls of a pipeline.
"""
