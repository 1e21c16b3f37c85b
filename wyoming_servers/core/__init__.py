"""The lowest layer: errors, events, the event bus, clocks, files, tasks and domain types.

Every package uses it; it imports none of them.
"""
