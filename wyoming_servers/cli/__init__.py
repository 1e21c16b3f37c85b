"""The command line: serve, speak, listen, look after models, find what is wrong.

`main.app` has the commands, one file each; `edge` turns failures into one line and an exit code.
A command imports what it needs when it runs, so that `--help` answers at once.
"""
