"""Users: people, found, listed, searched, changed and forgotten, with the memberships they have.

One user for one e-mail address, but for people whom an identity provider alone knows, in modular
mode: these are found by its connection and its id. How a user becomes a member, and leaves, is the
package ``memberships``; the permissions of a member are those of ``roles``.
"""

__all__ = ["erasure", "model", "reading", "redaction", "search", "service", "values"]
