"""The composition root: the only package that knows every part and how they fit together.

`conductor.Conductor` builds the parts from the bottom up; `pipelines` and `http` are two groups of
them; `running.serve` is the program's life from its start to a signal. Used by `cli` alone.
"""

from wyoming_servers.app.main import serve

__all__ = ["serve"]
