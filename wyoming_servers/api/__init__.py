"""The HTTP edge: models, jobs, webhooks, OpenAI's addresses, configuration, events, figures.

`app.create_app` puts it together, `server.ApiServer` serves it, one file per resource holds the
routes. Nothing here decides anything: it translates between HTTP and the coordinator.
"""
