"""Files in the data directory that belong to the whole server.

`instance_lock` allows one server per directory, `database` opens SQLite files, `secret` keeps the
API token and webhook secrets, `file_lock` serializes processes, `wake_word_files` finds custom
wake words. Used by every package that stores something; models have their own package, `models`.
"""
