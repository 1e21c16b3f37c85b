"""Listening ports: their sockets, accept loops, and limits of connections.

Bounds what clients cost before anything is known about them. Used by `wyoming` and `http`, which
add their protocols; `app` creates the one `ConnectionLimits` that all ports share.
"""
