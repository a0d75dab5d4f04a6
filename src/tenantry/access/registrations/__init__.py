"""Registrations: clients of a resource that the resource's owner has not created.

A client registers itself (RFC 7591) and manages its registration by a token (RFC 7592), or it is
known by the URL of its metadata document and stored when it is first used. Registrations that no
user consents to are deleted after a day.
"""

__all__ = ["document_clients", "model", "service"]
