"""The command line: runs the server, and uses, configures and diagnoses it.

`main.app` has the commands; `cli.commands` has a module for each of them. `errors` turns errors
into one line and an exit code. A command imports its dependencies when it runs, so that `--help`
is fast.
"""
