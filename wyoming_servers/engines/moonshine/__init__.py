"""Speech to text with Moonshine models: English, small, and as fast as the utterance is short.

`engine` implements `engines.base.Engine`; `tokens` turns token ids into text.
"""
