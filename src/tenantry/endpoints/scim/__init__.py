"""SCIM 2.0 over HTTP: identity providers push people and groups here (RFC 7644).

Owns the addresses below `/directory/{id}/scim/v2`, the bearer tokens as requests bring them, and
what an answer looks like. The language (filters, patches, resources) and the meaning of a change
stand in `tenants.directories`.
"""
