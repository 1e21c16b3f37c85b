"""Turn taking: how often a speaker is cut off, and how long an answer waits."""
