"""Logs, metrics and traces of a running server.

All of it is derived from events: `event_logger` writes the log, `metrics` fills Prometheus's
counters, `traces` keeps the last requests with `model_stats` per model, and `otlp` sends them to an
OpenTelemetry collector. Pipelines use `request_records` to time a request; the CLI calls
`log_config`. The HTTP API and the application start and read the rest.
"""
