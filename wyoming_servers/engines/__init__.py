"""Runs models with the libraries for them; imported in worker processes only.

`base` describes how a worker uses an engine, and creates one by its name, from the descriptors in
`core.engine_info`. Each engine has a sub-package: `whisper` and `moonshine` (speech to text),
`piper` and `kokoro` (text to speech), `wake` (wake words), `speaker`
(embeddings of voices); `fake` has no model and is for tests.
`preparation` derives files from a model when it is installed, and finds them later.
"""
