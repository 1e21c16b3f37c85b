"""A real Home Assistant, our servers, and a voice to speak to it: what the end-to-end tests use.

`conductor` and `hass` own one process each, `client` talks to Home Assistant through its public
doors (REST and websocket), `browser` looks at it as a person does. `setup` adds the servers by hand
and makes Assist pipelines, `steered` adds our integration by its forms, `assist` runs a pipeline,
`audio` makes and judges sound. Nothing here imports Home Assistant or our server: both
are seen as their users see them. Everything stays on the loopback interface.
"""
