"""The command line: serve, speak, listen, look after models."""
