"""Endpoints of background jobs.

`transcription` and `speech` create jobs; `routes` lists, shows, follows, cancels and deletes them
and returns their results, and `editing` changes their segments. `submission` has what both kinds of
jobs share when they are created, `voices` the voices of a speech job.
"""
