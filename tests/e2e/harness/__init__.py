"""Harness of the end-to-end tests: a real Home Assistant, our servers and recorded commands.

`conductor` and `hass` each run one process; `client` uses Home Assistant's REST and websocket APIs,
`browser` its frontend. `setup` adds servers by hand and creates pipelines, `integration` adds our
integration with its forms, `assist` runs a pipeline, `audio` creates and analyzes audio. Nothing
here imports Home Assistant or our server. Everything stays on the loopback interface.
"""
