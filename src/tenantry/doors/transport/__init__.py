"""The door of the API: gRPC, gRPC-Web, Connect and REST on one port, each rpc one async method.

`methods` reads the contract's options off the descriptors, `call` is the pipeline that every rpc
goes through, `rpc` and `rest` are the two encodings, `entry` is where a request comes in. Imports
no room: app.py hands it the objects whose methods are the rpcs.
"""

__all__ = ["messages", "methods"]
