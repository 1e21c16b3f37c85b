"""Text to speech with Piper voices, which stream audio before a sentence is finished.

`engine` implements `engines.base.Engine` for the worker. `voice` shares one voice among several
requests, `streaming` computes the audio of one request chunk by chunk, and `prepared_voice` opens
the three graphs into which `graph_split` splits a voice when it is installed.
"""
