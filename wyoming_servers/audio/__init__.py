"""Audio processing: PCM formats, resampling, voice activity, turn detection, fades, WAV files.

Used by the pipelines, by jobs and, as far as it needs no voice activity, by the engines.
"""
