"""One program that gives Home Assistant, and any Wyoming client, ears and a voice.

It serves speech-to-text, text-to-speech and wake words over the Wyoming protocol, and decides
in one place which model may hold memory. Start reading at `app`, which puts the parts together;
`docs/architecture.md` shows the way an utterance takes through the layers.
"""

__version__ = "0.1.0"
