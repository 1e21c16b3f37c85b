"""The commands of `wyoming-conductor`, one module each."""
