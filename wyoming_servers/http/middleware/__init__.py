"""Middleware of the HTTP API: request ids, host checks, and limits per client."""
