"""Decodes and encodes audio files and streams of any format in child processes.

PyAV (FFmpeg) runs only in the children: a crash, a hang or a huge allocation of a codec ends a
child and never the server, and the server does not hold the libraries. `decoder` turns a recording
into chunks of speech for jobs and for OpenAI's transcription API; `encoder` turns synthesized
samples into a stream for HTTP clients or into the file of a speech job. `*_process` are the
children's programs, `subprocess` starts and ends them, `child` is what every child does for its
parent.
"""
