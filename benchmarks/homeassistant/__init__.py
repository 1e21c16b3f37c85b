"""Spoken commands to a real Home Assistant."""
