"""The wires of the API: gRPC, gRPC-Web, Connect and REST on one port.

`entry` receives every request of the server, `router` finds its endpoint, `rpc` and `rest` decode
calls for `tenantry.api.pipeline` and encode their responses.
"""
