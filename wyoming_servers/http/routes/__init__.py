"""One module per resource of the HTTP API: its response bodies and its endpoints."""
