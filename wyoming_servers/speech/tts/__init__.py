"""Text to speech, for the Wyoming and the HTTP edge.

`pipeline` resolves the options of a request and opens a `synthesis`, which reads the text through
`text_frontend`, leases the model of the voice, and joins the audio of its sentences. `voices` lists
the voices, `phrase_cache` keeps synthesized phrases.
"""
