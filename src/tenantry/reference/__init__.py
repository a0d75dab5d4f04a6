"""The door of the API reference: the page at `/docs` and the OpenAPI document.

Owns how the contract is shown: the operations read off the descriptors, their rules in words and
as JSON Schema, the example answers and the samples in five languages (`samples/`, one file per
operation; each is run by a test). Does not own what the contract says: routes, rules and comments
stand in `proto/`. Nothing here is loaded before the first request for it.
"""
