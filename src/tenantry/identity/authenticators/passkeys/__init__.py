"""Passkeys: Web Authentication (W3C, level 3) credentials of people.

The library `webauthn` checks the answers of browsers and authenticators; challenges, rows and rules
are here.
"""

__all__ = ["authenticators", "ceremonies", "challenges", "model", "relying_party", "service"]
