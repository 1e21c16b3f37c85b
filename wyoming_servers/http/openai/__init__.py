"""Endpoints below `/v1` that are compatible with OpenAI's audio API.

Clients of OpenAI's API work unchanged: OpenAI's model and voice names stand for the configured
model and voice, and errors have OpenAI's format (see `wyoming_servers.http.problems`).
"""
