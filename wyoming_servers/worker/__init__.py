"""Worker processes: each holds one model, so that a crash or a lost GPU ends only that model.

`scheduling` starts workers through `interface.Launcher` and opens runs on them. In the server,
`process` supervises the child process and `client` speaks the protocol; the package `child` runs
in the child process. Tests use `fake`.
"""
