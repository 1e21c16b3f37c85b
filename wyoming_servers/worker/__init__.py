"""A child process that holds one model, and the parent's handle on it."""
