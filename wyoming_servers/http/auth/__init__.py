"""Who may use the API: tokens and their scopes, pairing, and the proof of the server's identity.

`tokens` owns the accepted tokens and the code that is exchanged for one, and `access` decides,
before the body of a request is read, whether the request is allowed.
"""
