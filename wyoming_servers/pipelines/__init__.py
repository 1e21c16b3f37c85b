"""One use case each: hear an utterance, speak a text, listen for a word.

The Wyoming edge and the HTTP edge share them; they know audio and text, but neither sockets nor
protocols. Each pipeline has an `open` that checks the request and returns an object to be used
with `async with`: leaving it, for whatever reason, cancels the work and frees the model.
"""
