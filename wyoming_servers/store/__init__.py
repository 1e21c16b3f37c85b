"""Model files: what exists, where it comes from, and that it is intact on disk.

`catalog` reads the manifests, `store.ModelStore` brings a model here and says where it is,
`specs` turns installed models into what the coordinator runs. Only this package downloads.
"""
