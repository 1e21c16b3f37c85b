"""Speech to text: buffers an utterance, detects its end, and transcribes it.

`pipeline` is the entry point and handles one utterance, with `turn` for its audio and its end,
`speculation` for the transcriptions before its end, `local_agreement` for partial transcripts, and
`transcriber` for a single inference.
"""
