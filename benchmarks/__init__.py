"""Measurements of a running server, side by side with its peers where there are any."""
