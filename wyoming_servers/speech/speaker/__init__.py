"""Who speaks: recognizes enrolled speakers by their voices.

`recognizer` is the entry point for the pipelines and the API. `scoring` compares embeddings and
measures thresholds, `store` keeps the enrolled speakers on the disk.
"""
