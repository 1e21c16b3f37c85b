"""Editing the segments of jobs: lines to speak, and transcripts.

`editor.JobEditor` is used by the HTTP API. `segment_edit` computes what a change leads to,
`word_alignment` the times of corrected words, and `segment_storage` keeps segments and edits in the
database of the jobs.
"""
