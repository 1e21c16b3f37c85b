"""Notifies other programs over HTTP when a job has ended or a model was loaded or unloaded.

The HTTP API registers webhooks and lists deliveries through `manager.WebhookManager`; jobs report
their end to it. `deliveries` stores every message in SQLite until it is delivered or given up,
`ssrf_guard` decides which addresses may be called, and `sender` makes the call.
"""
