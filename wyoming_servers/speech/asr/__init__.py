"""Speech to text: buffers an utterance, detects its end, and transcribes it.

`pipeline` is the entry point. `utterance` handles one request, with `audio_buffer` for its audio,
`speculation` for the transcriptions before its end, and `transcriber` for a single inference.
"""
