"""The Wyoming edge: sockets, sessions, and the translation into pipelines."""
