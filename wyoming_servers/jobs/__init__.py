"""Long work: queued on disk, done piece by piece below live speech, kept for a while.

`manager.JobManager` is the public face; `storage` keeps everything in SQLite, so that a restart
goes on where the last run ended. `attempt` and `courtesy` are how a piece gets a model.

A recording (`work`): `decode` is a child process that turns any audio or video into pieces of
speech, `audio` reads them, `transcribe` has one transcribed.

A text or subtitles (`speech`): `script` is what there is to say, `speak` has a line spoken, `fit`
decides how fast and when, `track` writes the samples down, `render` makes a file of them.
"""
