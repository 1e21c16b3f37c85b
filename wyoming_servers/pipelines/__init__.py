"""One use case each: hear an utterance, speak a text, listen for a word."""
