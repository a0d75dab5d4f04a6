"""Grants to applications in a session: authorization codes, refresh tokens, claims.

A refresh token is a family: one row with the number of its generation. The token is made from both
by a key that is not in the database, so that the row holds no secret and a spent one is recognized.
"""

__all__ = ["claims", "codes", "model", "pkce", "refresh_tokens", "subjects"]
