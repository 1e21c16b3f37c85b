"""Files in the data directory that belong to the whole server.

`locks` allows one server per directory and serializes installations, `database` opens SQLite files,
`wake_word_files` finds custom wake words. Used by every package that stores something; models have
their own package, `models`.
"""
