"""Users: people, found, listed, searched, changed and forgotten, with the memberships they have.

One user for one e-mail address. How a user becomes a member, and leaves, is the room
``memberships``'; the permissions of a member are those of ``roles``.
"""

__all__ = ["model", "reading", "service", "values"]
