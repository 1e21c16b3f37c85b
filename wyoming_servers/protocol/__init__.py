"""The language between the server and its workers, without any I/O."""
