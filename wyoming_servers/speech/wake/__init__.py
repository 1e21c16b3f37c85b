"""Wake words: detects them in endless streams of audio.

`pipeline` is the entry point. `stream` feeds one model and survives the death of its worker,
`registry` knows the installed wake words and those in the user's folder.
"""
