"""Samples in, samples out: formats, resampling, voice activity, the end of a turn."""
