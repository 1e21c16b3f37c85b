"""Background jobs: recordings to transcribe and texts to synthesize, queued on disk.

The HTTP API submits jobs to `manager.JobManager` and reads them there. `storage` keeps them in
SQLite, so that a restart continues with the next chunk, and `files` holds uploads and results. Each
chunk of work passes `throttle` (live speech comes first) and gets a model through `retry`.
`transcription` runs recordings, `speech_job` runs texts, whose lines `speech_script` reads and
`line_synthesizer` synthesizes. `editing` changes lines and transcripts afterwards, `peaks` shows
their audio. `schemas` is their JSON.
"""
