"""The HTTP edge: health, models, events."""
