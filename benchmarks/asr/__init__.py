"""Speech-to-text compared with wyoming-faster-whisper: latency, throughput, accuracy."""
