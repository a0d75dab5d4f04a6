"""The contract at run time: each step of a call between its wire and its rpc.

`methods` reads the options of each rpc off the descriptors. `pipeline` runs a call: `policy` checks
the caller and the fields that it sends, `validation` the rules of the contract, `field_visibility`
removes fields of the response that the caller may not see. `messages` parses requests,
`error_details` encodes errors. It imports no endpoint and no domain package: app.py binds the
objects whose methods are the rpcs.
"""

__all__ = [
    "descriptors",
    "error_details",
    "field_visibility",
    "message_limits",
    "messages",
    "methods",
    "pipeline",
    "policy",
    "validation",
]
