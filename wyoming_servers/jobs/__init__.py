"""Long recordings: queued on disk, transcribed piece by piece below live speech, kept for a while.

`manager.JobManager` is the public face. `decode` is a child process that turns any audio or video
into pieces of speech; `audio` reads them; `transcribe` has one piece transcribed; `storage` keeps
everything in SQLite, so that a restart goes on where the last run ended.
"""
