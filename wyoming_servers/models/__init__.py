"""Models: which exist, where their files come from, and which are installed.

`catalog` reads the manifests, `store.ModelStore` installs models and knows where their files are,
and `specs` turns installed models into the `ModelSpec`s of the coordinator. `manager.ModelManager`
does all this while the server runs. Only this package downloads models. Used by `app`, `http` and
`cli`; pipelines see `ModelSpec`s only.
"""
