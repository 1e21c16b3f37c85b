"""The three use cases: speech to text (`asr`), text to speech (`tts`), wake words (`wake`).

Both edges, `wyoming` and `http`, use these pipelines. The pipelines know audio and text, but no
sockets and no wire formats. Each has an `open` method that checks the request and returns an
object for `async with`: leaving the block, for whatever reason, cancels the work and frees the
model.
"""
