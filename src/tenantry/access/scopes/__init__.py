"""The catalogue of scopes: their descriptions, and whether new access tokens may hold them.

A client may ask for scopes that are not in it; one that is, and is switched off, nobody gets.
"""

__all__ = ["model"]
