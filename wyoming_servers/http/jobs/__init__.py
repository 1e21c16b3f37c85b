"""Endpoints of background jobs.

`transcription` and `speech` create jobs; `routes` lists, shows, follows and cancels them and
returns their results. `submission` has what both kinds of jobs share when they are created.
"""
