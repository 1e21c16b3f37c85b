"""Decides which model may hold memory, and gives out leases on ready ones."""
