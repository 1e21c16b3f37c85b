"""The HTTP API: translates between HTTP requests and the services below.

`app` builds the FastAPI application, `server` runs it. `routes` has one module per resource, `jobs`
the background jobs, `openai` the endpoints that are compatible with OpenAI's audio API, and
`middleware` what applies to every request. Used by the composition root (`wyoming_servers.app`).
No decisions are made here.
"""
