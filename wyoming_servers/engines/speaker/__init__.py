"""Speaker embeddings: a vector for a voice, computed from speech while it arrives.

Used by the worker's child process; `speech.speaker` compares the vectors.
"""
