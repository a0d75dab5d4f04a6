"""Signed-in browsers and devices: sessions, their policy and their end.

Owns the session's cookie, how long a session lives, listing and revoking, and telling applications
that one has ended (OpenID Connect Back-Channel Logout 1.0). Codes and refresh tokens of a session
are `grants`'s concern; how a session comes about is `sign_in`'s.
"""

__all__ = [
    "applications",
    "cookies",
    "devices",
    "freshness",
    "listing",
    "model",
    "policies",
    "reading",
    "service",
    "subject",
    "termination.ending",
    "termination.notices",
]
