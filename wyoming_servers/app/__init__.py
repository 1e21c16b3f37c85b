"""The composition root: the only package that knows all services and connects them.

`application.Application` builds the services from the bottom up; `pipelines` and `api` build two
groups of them, `context` has what all share, and `config_reload` applies configuration changes.
`main.serve` runs the application until a signal. Used by `cli` alone.
"""

from wyoming_servers.app.main import RESTART, serve

__all__ = ["RESTART", "serve"]
