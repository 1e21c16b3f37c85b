"""Tells other programs over HTTP that a job has ended, or that a model came or went.

`webhooks.Webhooks` is the public face: `deliveries` keeps every message in SQLite until it was
taken or given up, `guard` decides which addresses may be called at all, `sender` makes the call.
"""
