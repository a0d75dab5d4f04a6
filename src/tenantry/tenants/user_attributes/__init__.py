"""The attributes of people beside the standard ones, which the environment registers.

Owns their table. Single sign-on fills those of one kind, directories those of the other.
"""

__all__ = ["model", "reading"]
