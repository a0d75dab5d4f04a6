"""Our side of SAML connections: a service provider, of the protocol's functions and our tables.

`service_provider.py` has our names, addresses and keys for each connection, `signing_in.py` and
`logging_out.py` the ways there and back. No HTTP: the endpoint does that.
"""
