"""Wyoming Conductor: a voice backend for Home Assistant and other Wyoming clients.

It serves speech-to-text, text-to-speech and wake words over the Wyoming protocol and HTTP, and one
scheduler decides which models hold memory. Start reading at `app`, which connects all services;
`docs/architecture.md` shows the path of an utterance through the layers.
"""

__version__ = "0.1.0"
