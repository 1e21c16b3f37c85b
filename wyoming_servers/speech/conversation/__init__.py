"""Spoken conversation: speech → text → conversation agent → speech, with barge-in.

Used by `http.realtime`. `conversation.py` is the entry point.
"""
