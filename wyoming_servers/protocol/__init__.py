"""The protocol between the server and its worker processes; no I/O.

`codec` turns bytes into frames (the Wyoming ports use it too), `messages` turns frames into typed
messages, and `session` checks which message is legal when and how much may be in flight.
`worker.client` is the server's end, `worker.child` the worker's.
"""
