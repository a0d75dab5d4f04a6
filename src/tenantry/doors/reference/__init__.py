"""The door of the reference: the pages at `/docs`, the OpenAPI document, the schemas of events.

Owns how the contract is shown: the operations read off the descriptors, their rules in words and
as JSON Schema, the example answers and the samples in five languages (`samples/`, one file per
operation; each is run by a test), and the catalogue of the `webhooks` room as a page. Does not own
the contract: routes, rules, comments and examples stand in `proto/`. Nothing is made before the
first request for it.
"""
